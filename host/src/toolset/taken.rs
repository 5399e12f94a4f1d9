//! Who brought a name, and that it is somebody else's.

use std::fmt;

/// Who brought a tool or a toolset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The program itself.
    Host,
    /// The application that embeds it.
    Application,
    /// A tool plugin.
    Plugin,
    /// A server that speaks MCP.
    Server,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Host => "the host",
            Origin::Application => "the application",
            Origin::Plugin => "a plugin",
            Origin::Server => "an MCP server",
        })
    }
}

/// A name that is somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The name.
    pub name: String,
    /// Whose it is.
    pub holder: Origin,
    /// Who wanted it, too.
    pub comer: Origin,
}

impl std::error::Error for Taken {}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, holder, comer } = self;
        match (holder, comer) {
            (holder, Origin::Plugin) => write!(
                f,
                "`{name}` is a tool or toolset of {holder}: no plugin can have that name\n\
                 hint: `hermitage plugin add --name` gives it another, such as `my_{name}`"
            ),
            (holder, Origin::Server) => write!(
                f,
                "`{name}` is a tool or toolset of {holder}: no MCP server can have that name\n\
                 hint: `[toolsets.my_{name}.mcp]` gives it another"
            ),
            (Origin::Host, comer) => write!(
                f,
                "`{name}` is a tool or toolset of the host\n\
                 hint: {comer} needs another name, such as `my_{name}`; `Builder::replace` is for \
                 who does the work of the host's own"
            ),
            (holder, comer) if holder == comer => write!(
                f,
                "`{name}` is registered twice\n\
                 hint: both are of {holder}: give each native tool a name of its own"
            ),
            (holder, comer) => write!(
                f,
                "`{name}` is a tool or toolset of {holder}\n\
                 hint: {comer} needs another name, such as `my_{name}`"
            ),
        }
    }
}
