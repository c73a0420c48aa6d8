//! The files of the project, without what builds and tools leave in it.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A file of the project: its name relative to the root, and its text.
pub(crate) struct SourceFile {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All files with one of `extensions`, sorted by name.
///
/// Hidden directories and `target` directories are left out.
pub(crate) fn files(root: &Path, extensions: &[&str]) -> io::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            if kind.is_dir() && !name.to_string_lossy().starts_with('.') && name != "target" {
                directories.push(entry.path());
            } else if kind.is_file() && has_extension(&entry.path(), extensions) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found.into_iter().map(|path| read(root, path)).collect()
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .is_some_and(|own| extensions.iter().any(|wanted| own == *wanted))
}

fn read(root: &Path, path: PathBuf) -> io::Result<SourceFile> {
    let text = fs::read_to_string(&path)?;
    let name = path
        .strip_prefix(root)
        .unwrap_or(&path)
        .to_string_lossy()
        .into_owned();
    Ok(SourceFile { name, text })
}
