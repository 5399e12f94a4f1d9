//! What a component asks for, as plain data.

/// One import of a component's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// As the component spells it: for an interface
    /// `namespace:package/interface@version`.
    pub name: String,
    /// What is imported under that name.
    pub kind: ImportKind,
}

/// What is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// An interface with these items, none included.
    Interface(Vec<Item>),
    /// Anything else, such as a bare function or a core module; the text
    /// names it.
    Other(String),
}

/// One item of an imported interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// As in WIT, for example `read-file` or `[method]tool.call`.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What an item is. Types are written out structurally, so that two of them
/// are the same type exactly when the texts are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A function with its parameters and result.
    Function(String),
    /// A resource type.
    Resource,
    /// Any other type.
    Type(String),
    /// Something that no interface of ours holds; the text names it.
    Other(String),
}

impl ItemKind {
    /// The word for it in the contract and in reports.
    pub fn word(&self) -> &str {
        match self {
            ItemKind::Function(_) => "function",
            ItemKind::Resource => "resource",
            ItemKind::Type(_) => "type",
            ItemKind::Other(what) => what,
        }
    }

    /// The structural text, empty for a resource.
    pub fn shape(&self) -> &str {
        match self {
            ItemKind::Function(shape) | ItemKind::Type(shape) => shape,
            ItemKind::Resource | ItemKind::Other(_) => "",
        }
    }
}
