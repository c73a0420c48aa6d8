//! Configuration of services: a TOML file, environment variables over it, defaults below it (driver 9).
//!
//! Values are read one by one from [`Settings`], each with its default. What is wrong is collected, with file, line and
//! what would be right; what nobody asked for is warned about. So a program reads its whole configuration into a plain
//! struct and then asks [`Settings::finish`] whether that may be used.

mod problem;
mod ranges;
mod setting;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use problem::{LoadError, Origin, Problem};
pub use ranges::IdRanges;
use setting::FileValue;
pub use setting::{Secret, Setting, Texts};
use tree::{Node, Value};

/// Looks up an environment variable.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// A configuration that is being read.
pub struct Settings<'e> {
    path: PathBuf,
    root: Node,
    environment: Environment<'e>,
    asked: BTreeSet<String>,
    others: BTreeSet<String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    effective: Vec<Effective>,
}

/// A value in use, for whoever wants to see the whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The dotted key.
    pub key: String,
    /// The value, as text.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// What is left to say about a configuration that can be used.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Unknown keys, and values that are legal but likely not meant.
    pub warnings: Vec<Problem>,
    /// Every value that was asked for.
    pub effective: Vec<Effective>,
}

/// A value with the place it was set at, for checks that need more than its type.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<'e> Settings<'e> {
    /// Reads a file.
    ///
    /// # Errors
    /// [`LoadError::Unreadable`], [`LoadError::NotToml`].
    pub fn load(path: &Path, environment: Environment<'e>) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text, environment)
    }

    /// Takes `text` for the contents of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError::NotToml`].
    pub fn parse(path: &Path, text: &str, environment: Environment<'e>) -> Result<Self, LoadError> {
        let root = Node::parse(text).map_err(|(line, reason)| LoadError::NotToml {
            path: path.to_owned(),
            line,
            reason,
        })?;
        Ok(Self {
            path: path.to_owned(),
            root,
            environment,
            asked: BTreeSet::new(),
            others: BTreeSet::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            effective: Vec::new(),
        })
    }

    /// The value of a scalar key: environment before file before `default` (D-207, D-208). A wrong one is a problem and
    /// reads as the default.
    pub fn scalar<T: Setting>(&mut self, key: &str, default: T) -> Found<T> {
        let variable = key.to_uppercase().replace('.', "_");
        self.scalar_named(key, &[&variable], default)
    }

    /// As [`Settings::scalar`], with the environment variables given, strongest first.
    pub fn scalar_named<T: Setting>(
        &mut self,
        key: &str,
        variables: &[&str],
        default: T,
    ) -> Found<T> {
        let set = variables
            .iter()
            .find_map(|name| Some((*name, (self.environment)(name)?)));
        let found = match set {
            Some((name, text)) => {
                // The file's value counts as known, though it is not used.
                self.asked.insert(key.to_owned());
                let origin = Origin::Environment(name.to_owned());
                self.typed(
                    key,
                    origin,
                    &format!("{text:?}"),
                    T::from_text(&text),
                    default,
                )
            }
            None => self.in_file(key, default),
        };
        self.show(key, found.value.to_string(), found.origin.clone());
        found
    }

    /// The value of a key that the environment cannot set.
    pub fn of_table<T: Setting>(&mut self, key: &str, default: T) -> Found<T> {
        let found = self.in_file(key, default);
        self.show(key, found.value.to_string(), found.origin.clone());
        found
    }

    /// The value of a key that must be in the file. A missing one is a problem.
    pub fn required<T: Setting>(&mut self, key: &str) -> Option<Found<T>> {
        self.asked.insert(key.to_owned());
        let Some(node) = self.root.find(key) else {
            let (parent, _) = key.rsplit_once('.').unwrap_or((key, ""));
            let origin = self.origin(parent);
            self.problem(&origin, key, format!("missing; it must be {}", T::EXPECTED));
            return None;
        };
        let origin = self.origin_of(node);
        match T::in_file(&FileValue(node)) {
            Some(value) => {
                self.show(key, value.to_string(), origin.clone());
                Some(Found { value, origin })
            }
            None => {
                let text = format!("{} must be {}", node.written(), T::EXPECTED);
                self.problem(&origin, key, text);
                None
            }
        }
    }

    /// The names in a table, in file order; a value that is no table is a problem.
    pub fn names(&mut self, key: &str) -> Vec<String> {
        self.asked.insert(key.to_owned());
        match self.root.find(key).map(|node| &node.value) {
            None => Vec::new(),
            Some(Value::Table(entries)) => entries.iter().map(|(name, _)| name.clone()).collect(),
            Some(_) => {
                let origin = self.origin(key);
                self.problem(&origin, key, format!("must be a table, [{key}]"));
                Vec::new()
            }
        }
    }

    /// Turns the array of tables at `key` into tables named `0`, `1` and so on, and returns how many there are.
    pub fn rows(&mut self, key: &str) -> usize {
        self.asked.insert(key.to_owned());
        let Some(node) = find_mut(&mut self.root, key) else {
            return 0;
        };
        let Value::List(rows) = &mut node.value else {
            let origin = self.origin(key);
            self.problem(
                &origin,
                key,
                format!("must be an array of tables, [[{key}]]"),
            );
            return 0;
        };
        let rows: Vec<(String, Node)> = core::mem::take(rows)
            .into_iter()
            .enumerate()
            .map(|(at, row)| (at.to_string(), row))
            .collect();
        let count = rows.len();
        node.value = Value::Table(rows);
        count
    }

    /// Where a key is set in the file; the default origin if it is not.
    pub fn origin(&self, key: &str) -> Origin {
        self.root
            .find(key)
            .map_or(Origin::Default, |node| self.origin_of(node))
    }

    /// Whether the file or the environment sets a key.
    pub fn is_set(&self, key: &str) -> bool {
        let variable = key.to_uppercase().replace('.', "_");
        self.root.find(key).is_some() || (self.environment)(&variable).is_some()
    }

    /// Whether the file has this table.
    pub fn is_table(&self, key: &str) -> bool {
        matches!(
            self.root.find(key),
            Some(Node {
                value: Value::Table(_),
                ..
            })
        )
    }

    /// A table that other programs read as well: what nobody asked for in it is theirs, and known.
    pub fn for_others(&mut self, key: &str) {
        self.others.insert(key.to_owned());
    }

    /// A key that is known and does nothing: said once, so that nobody relies on it.
    pub fn without_effect(&mut self, key: &str, why: &str) {
        let is_set = self.is_set(key);
        self.asked.insert(key.to_owned());
        if is_set {
            let origin = self.origin(key);
            self.warning(&origin, key, format!("has no effect: {why}"));
        }
    }

    /// Something is wrong.
    pub fn problem(&mut self, origin: &Origin, key: &str, text: impl Into<String>) {
        self.problems.push(Problem {
            origin: self.or_file(origin),
            key: key.to_owned(),
            text: text.into(),
        });
    }

    /// Something is questionable.
    pub fn warning(&mut self, origin: &Origin, key: &str, text: impl Into<String>) {
        self.warnings.push(Problem {
            origin: self.or_file(origin),
            key: key.to_owned(),
            text: text.into(),
        });
    }

    /// Ends the reading; keys nobody asked for become warnings (D-213).
    ///
    /// # Errors
    /// [`LoadError::Wrong`] with all problems.
    pub fn finish(mut self) -> Result<Report, LoadError> {
        if !self.problems.is_empty() {
            return Err(LoadError::Wrong(self.problems));
        }
        let mut unknown = Vec::new();
        self.unknown("", &self.root, &mut unknown);
        self.warnings.append(&mut unknown);
        Ok(Report {
            warnings: self.warnings,
            effective: self.effective,
        })
    }

    fn unknown(&self, prefix: &str, table: &Node, found: &mut Vec<Problem>) {
        let Value::Table(entries) = &table.value else {
            return;
        };
        for (name, node) in entries {
            let key = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            if self.others.contains(&key) {
                continue;
            }
            let below = format!("{key}.");
            if self.asked.iter().any(|asked| asked.starts_with(&below)) {
                self.unknown(&key, node, found);
            } else if !self.asked.contains(&key) {
                found.push(Problem {
                    origin: self.origin_of(node),
                    key,
                    text: "unknown key, ignored".into(),
                });
            }
        }
    }

    fn in_file<T: Setting>(&mut self, key: &str, default: T) -> Found<T> {
        self.asked.insert(key.to_owned());
        let Some(node) = self.root.find(key) else {
            return Found {
                value: default,
                origin: Origin::Default,
            };
        };
        let (origin, written) = (self.origin_of(node), node.written());
        let value = T::in_file(&FileValue(node));
        self.typed(key, origin, &written, value, default)
    }

    fn typed<T: Setting>(
        &mut self,
        key: &str,
        origin: Origin,
        written: &str,
        value: Option<T>,
        default: T,
    ) -> Found<T> {
        if value.is_none() {
            let written = if T::SECRET { "the value" } else { written };
            self.problem(&origin, key, format!("{written} must be {}", T::EXPECTED));
        }
        Found {
            value: value.unwrap_or(default),
            origin,
        }
    }

    fn show(&mut self, key: &str, value: String, origin: Origin) {
        self.effective.push(Effective {
            key: key.to_owned(),
            value,
            origin,
        });
    }

    fn origin_of(&self, node: &Node) -> Origin {
        Origin::File {
            path: self.path.clone(),
            line: node.line,
        }
    }

    /// What nobody set is missing from the file.
    fn or_file(&self, origin: &Origin) -> Origin {
        match origin {
            Origin::Default => Origin::File {
                path: self.path.clone(),
                line: 1,
            },
            other => other.clone(),
        }
    }
}

fn find_mut<'n>(root: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    key.split('.')
        .try_fold(root, |node, name| match &mut node.value {
            Value::Table(entries) => entries
                .iter_mut()
                .find(|(other, _)| other == name)
                .map(|(_, node)| node),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\n[policies]\nannounce_period_ms = 500\nmlock_shm = 1\n[[pools]]\nid = 3\n[[pools]]\nid = 4\n";

    fn settings<'e>(environment: Environment<'e>) -> Settings<'e> {
        Settings::parse(Path::new("driver.toml"), TEXT, environment).unwrap()
    }

    fn at(line: usize) -> Origin {
        let path = "driver.toml".into();
        Origin::File { path, line }
    }

    #[test] // req: D-207, D-208
    fn environment_beats_file_beats_default() {
        let nothing = |_: &str| None;
        let mut plain = settings(&nothing);
        let found = plain.scalar("policies.announce_period_ms", 1000_u64);
        assert_eq!((found.value, found.origin), (500, at(3)));
        let found = plain.scalar("policies.keepalive_ms", 1000_u64);
        assert_eq!((found.value, found.origin), (1000, Origin::Default));

        let name = "POLICIES_ANNOUNCE_PERIOD_MS";
        let set = |variable: &str| (variable == name).then(|| "250".to_owned());
        let found = settings(&set).scalar("policies.announce_period_ms", 1000_u64);
        let origin = Origin::Environment(name.into());
        assert_eq!((found.value, found.origin), (250, origin));
    }

    #[test] // req: D-213, C-172
    fn wrong_types_say_where_and_what_would_be_right() {
        let set = |variable: &str| (variable == "SHM_NUMBER").then(|| "many".to_owned());
        let mut settings = settings(&set);
        settings.scalar("policies.mlock_shm", false);
        settings.scalar("shm.number", 1_u64);
        settings.required::<u64>("policies.absent");
        let LoadError::Wrong(problems) = settings.finish().unwrap_err() else {
            panic!("another error");
        };
        let texts: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(
            texts,
            [
                "driver.toml:4: policies.mlock_shm: 1 must be true or false",
                "environment variable SHM_NUMBER: shm.number: \"many\" must be a whole number",
                "driver.toml:2: policies.absent: missing; it must be a whole number",
            ]
        );
    }

    #[test] // req: D-213
    fn keys_nobody_asked_for_are_warned_about() {
        let nothing = |_: &str| None;
        let mut settings = settings(&nothing);
        settings.scalar("policies.announce_period_ms", 1_u64);
        assert_eq!(settings.rows("pools"), 2);
        assert_eq!(settings.required::<u64>("pools.1.id").unwrap().value, 4);
        let report = settings.finish().unwrap();
        let texts: Vec<String> = report.warnings.iter().map(Problem::to_string).collect();
        assert_eq!(
            texts,
            [
                "driver.toml:4: policies.mlock_shm: unknown key, ignored",
                "driver.toml:5: pools.0: unknown key, ignored",
            ]
        );
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        let nothing = |_: &str| None;
        let error = Settings::parse(Path::new("x.toml"), "a = 1\nb = \n", &nothing).err();
        let text = error.unwrap().to_string();
        assert!(text.starts_with("x.toml:2: "), "{text}");
        assert!(Settings::load(Path::new("/nonexistent"), &nothing).is_err());
    }
}
