//! Relative links in the Markdown files of the project.

use std::path::Path;

use crate::tree;

/// A sentence for each link to a file that is not there.
pub(crate) fn broken(root: &Path) -> Vec<String> {
    let files = match tree::files(root, &["md"]) {
        Ok(files) => files,
        Err(error) => return vec![error.to_string()],
    };
    let mut broken = Vec::new();
    for file in &files {
        let directory = root.join(&file.name);
        let directory = directory.parent().unwrap_or(root);
        for (line, link) in relative_links(&file.text) {
            if !directory.join(link).exists() {
                broken.push(format!(
                    "{}:{line}: the link to {link} leads nowhere",
                    file.name
                ));
            }
        }
    }
    broken
}

/// Line and path of each link that stays in the project, without its fragment.
fn relative_links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let targets = (1_usize..).zip(text.lines()).flat_map(|(line, content)| {
        content
            .split("](")
            .skip(1)
            .filter_map(move |rest| Some((line, rest.split_once(')')?.0)))
    });
    let paths = targets.map(|(line, target)| (line, target.split('#').next().unwrap_or(target)));
    paths.filter(|(_, path)| {
        !path.is_empty() && !path.contains("://") && !path.starts_with("mailto:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_into_the_project_are_looked_at() {
        let text = "[a](b.md) and ![c](d/e.svg)\n[f](https://g.example) [h](#i) [j](../k.md#l)\n";
        assert_eq!(
            Vec::from_iter(relative_links(text)),
            [(1, "b.md"), (1, "d/e.svg"), (2, "../k.md")]
        );
    }

    #[test]
    fn a_link_to_nothing_is_broken() {
        let root = std::env::temp_dir().join(format!("tp-requirements-{}", std::process::id()));
        std::fs::create_dir_all(root.join("docs")).unwrap();
        std::fs::write(
            root.join("docs/a.md"),
            "[self](a.md) [root](../docs) [gone](b.md)",
        )
        .unwrap();
        let found = broken(&root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, ["docs/a.md:1: the link to b.md leads nowhere"]);
    }
}
