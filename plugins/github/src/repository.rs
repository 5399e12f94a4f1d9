//! The name of a repository.

use hermitage_guest::ToolError;

use crate::request::Path;

/// The path of `OWNER/NAME` in the API.
pub(crate) fn path(name: &str) -> Result<Path, ToolError> {
    let wrong =
        || ToolError::InvalidArguments(format!("`{name}` is no repository: it is `OWNER/NAME`"));
    // As people paste it.
    let short = name.trim().trim_start_matches("https://github.com/").trim_end_matches('/');
    let (owner, repository) = short.split_once('/').ok_or_else(wrong)?;
    let is_name = |it: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !it.is_empty() && it.chars().all(allowed) && !it.chars().all(|c| c == '.')
    };
    if !is_name(owner) || !is_name(repository) {
        return Err(wrong());
    }
    Ok(Path::new("/repos").segment(owner).segment(repository))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        let path = |name| path(name).map(|it| Request::get(it).path);
        assert_eq!(path("rust-lang/rust").as_deref(), Ok("/repos/rust-lang/rust"));
        assert_eq!(path("https://github.com/a/b.c/").as_deref(), Ok("/repos/a/b.c"));
        for wrong in ["", "rust", "a/", "/b", "a/b/c", "a/..", "../b", "a/b?x", "a b/c"] {
            let expect = format!("`{wrong}` is no repository: it is `OWNER/NAME`");
            assert_eq!(path(wrong), Err(ToolError::InvalidArguments(expect)));
        }
    }
}
