//! The two configured names in the canonical path: `<user>` and `<namespace>`.

use nix::unistd::{User, geteuid};

/// `<user>` of the canonical tree; only letters, digits, `-` and `_` (wire T-57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// A configured name, every other character replaced by `_` so that none can leave its directory (W-264, D-180).
    /// `None` if it is empty.
    pub fn new(configured: &str) -> Option<Self> {
        let survives = |c| if is_plain(c) { c } else { '_' };
        (!configured.is_empty()).then(|| Self(configured.chars().map(survives).collect()))
    }

    /// The name in the password entry of the effective uid; the uid in decimal where there is none, as in containers
    /// (W-263, D-180).
    pub fn effective() -> Self {
        let uid = geteuid();
        let entry = User::from_uid(uid).ok().flatten();
        entry
            .and_then(|user| Self::new(&user.name))
            .unwrap_or_else(|| Self(uid.to_string()))
    }

    /// The name as it stands in the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `<namespace>` of the canonical tree: letters, digits, `-` and `_`, at least one (W-265, wire T-57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// A configured namespace, or `None` if it has any other character; it is never altered, because it has to stay
    /// what the operator knows it by.
    pub fn new(configured: &str) -> Option<Self> {
        (!configured.is_empty() && configured.chars().all(is_plain))
            .then(|| Self(configured.to_owned()))
    }

    /// The namespace as it stands in the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-264, D-180, T-57
    fn user_names_cannot_leave_their_directory() {
        for (configured, sanitised) in [
            ("camera_1-a", "camera_1-a"),
            ("DOMAIN\\jane.doe", "DOMAIN_jane_doe"),
            ("../../etc", "______etc"),
            ("..", "__"),
            ("a b\0\n/", "a_b___"),
            ("zoë", "zo_"),
        ] {
            assert_eq!(UserName::new(configured).unwrap().as_str(), sanitised);
        }
        assert_eq!(UserName::new(""), None);
    }

    #[test] // req: W-263, D-180
    fn the_effective_user_has_a_plain_name_whoever_it_is() {
        let user = UserName::effective();
        assert!(!user.as_str().is_empty() && user.as_str().chars().all(is_plain));
        // As the host's own tool sees it; without an entry that tool fails.
        let id = std::process::Command::new("id")
            .arg("-un")
            .output()
            .unwrap();
        let expected = match id.status.success() {
            true => String::from_utf8(id.stdout).unwrap(),
            false => geteuid().to_string(),
        };
        assert_eq!(Some(user), UserName::new(expected.trim()));
    }

    #[test] // req: W-265, D-181, T-57
    fn namespaces_are_taken_as_they_are_or_refused() {
        for good in ["default", "lab1", "sim_2-b"] {
            assert_eq!(Namespace::new(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "lab 1", "lab.1", "ö"] {
            assert_eq!(Namespace::new(bad), None, "{bad}");
        }
    }
}
