//! Names: kebab case in WIT, snake case in JSON.

/// A name in both spellings. Names of one type differ in more than case, so
/// the second ones differ, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// As the component calls it.
    pub(super) wit: Box<str>,
    /// As a model reads and writes it.
    pub(super) json: Box<str>,
}

impl Name {
    pub(super) fn new(wit: &str) -> Self {
        Self { wit: wit.into(), json: snake(wit).into() }
    }
}

pub(super) fn snake(kebab: &str) -> String {
    kebab.replace('-', "_").to_ascii_lowercase()
}

/// The interface's own name: `edit` of `acme:image/edit@1.0.0`.
pub(super) fn short(interface: &str) -> &str {
    let path = interface.split_once('@').map_or(interface, |it| it.0);
    path.rsplit_once('/').map_or(path, |it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_is_snake_in_json() {
        for (wit, json) in [("add", "add"), ("max-items", "max_items"), ("get-URL", "get_url")] {
            assert_eq!(&*Name::new(wit).json, json);
        }
    }

    #[test]
    fn an_interface_is_called_by_the_last_part_of_its_name() {
        for (interface, expect) in
            [("acme:image/edit@1.0.0", "edit"), ("acme:image/edit", "edit"), ("edit", "edit")]
        {
            assert_eq!(short(interface), expect);
        }
    }
}
