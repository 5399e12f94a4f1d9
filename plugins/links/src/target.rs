//! Where the destination of a link points, by its text alone.

use percent_encoding::percent_decode_str;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Another site, a mail address: not ours to check.
    External,
    /// Above the workspace.
    Outside,
    Inside(Place),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From the root of the workspace, which itself is empty.
    pub(crate) path: String,
    /// What comes after `#`, decoded.
    pub(crate) fragment: Option<String>,
}

/// Resolves a destination that was written in the file `from`.
pub(crate) fn resolve(from: &str, destination: &str) -> Target {
    if is_external(destination) {
        return Target::External;
    }
    let (path, fragment) = match destination.split_once('#') {
        Some((path, fragment)) => (path, Some(decode(fragment))),
        None => (destination, None),
    };
    // A query, such as `?raw=true`, is for the web site that shows the file.
    let path = decode(path.split('?').next().unwrap_or(path));
    let path = if path.is_empty() { Some(from.to_owned()) } else { join(from, &path) };
    path.map_or(Target::Outside, |path| Target::Inside(Place { path, fragment }))
}

/// `scheme:…` or `//host/…`. One letter before the colon is no scheme in use,
/// but a drive of Windows.
fn is_external(destination: &str) -> bool {
    let scheme = destination.split_once(':').is_some_and(|(scheme, _)| {
        let valid = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        scheme.len() > 1 && scheme.chars().all(valid)
    });
    scheme || destination.starts_with("//")
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `None` when `..` leads out of the workspace.
fn join(from: &str, path: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    // An absolute path starts at the root, as on GitHub.
    let start = if path.starts_with('/') { "" } else { folder };
    let mut names = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => _ = names.pop()?,
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(destination: &str, path: &str, fragment: Option<&str>) {
        let place = Place { path: path.into(), fragment: fragment.map(str::to_owned) };
        assert_eq!(resolve("docs/a.md", destination), Target::Inside(place), "{destination}");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        check("b.md", "docs/b.md", None);
        check("./b/../c.md", "docs/c.md", None);
        check("../src/", "src", None);
        check("..", "", None);
        check("/src/lib.rs", "src/lib.rs", None);
    }

    #[test]
    fn fragments_and_queries_are_split_off() {
        check("#x", "docs/a.md", Some("x"));
        check("", "docs/a.md", None);
        check("b.md#x-y", "docs/b.md", Some("x-y"));
        check("b.png?raw=true", "docs/b.png", None);
        check("b.md?plain=1#L10", "docs/b.md", Some("L10"));
    }

    #[test]
    fn escapes_are_decoded() {
        check("b%20c.md", "docs/b c.md", None);
        check("%23b.md#gr%C3%B6%C3%9Fe", "docs/#b.md", Some("größe"));
        check("100%.md", "docs/100%.md", None);
    }

    #[test]
    fn what_leaves_the_workspace_is_told_apart() {
        for destination in ["https://a.b/c", "mailto:a@b.c", "//a.b/c", "vscode:x"] {
            assert_eq!(resolve("a.md", destination), Target::External, "{destination}");
        }
        for destination in ["../b.md", "x/../../b.md", "/.."] {
            assert_eq!(resolve("a.md", destination), Target::Outside, "{destination}");
        }
        check("c:d.md", "docs/c:d.md", None);
    }
}
