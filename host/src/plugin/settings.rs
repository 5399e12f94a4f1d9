//! What a person sets for tool plugins, as it is written down. Which secrets
//! and texts a plugin asks for, its manifest says.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    provider::{command, variable},
    secret::Source,
    setting::{settings, text},
};

/// What the person set for one plugin.
#[derive(Clone, Debug, Default)]
pub struct Personal {
    /// Where each of its secrets is, by name.
    pub secrets: BTreeMap<String, Source>,
    /// Texts that it may read, by name.
    pub settings: BTreeMap<String, String>,
}

// A plugin's host would be sent the key, and a command would be run.
settings! {
    /// A secret of a tool plugin, by the names that `hermitage plugin show` has
    /// for both. The plugin never has it: the host puts it into requests to the
    /// audience that you approved, and cuts it out of what comes back. A file
    /// that has one of the three keys replaces all of them of the layers below
    /// it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecretSettings in "plugins.NAME.secrets.NAME" {
        /// The variable of the environment that holds the secret; never the
        /// secret itself.
        ///
        /// Name of a variable.
        pub api_key_env: Option<String> = text("GITHUB_TOKEN").checked(variable), project: Never;

        /// A program that prints the secret, with its arguments, run with your
        /// rights when it is first needed. What it says on its standard error
        /// is not shown, because the secret may be in it.
        ///
        /// Text, instead of the other two.
        pub api_key_cmd: Option<String> =
            text("pass show github").command().checked(command), project: Never;

        /// A file with the secret in one line, of yours and with mode 0600:
        /// nobody else may read it.
        ///
        /// Path, instead of the other two; a relative one starts where this
        /// file is.
        pub api_key_file: Option<PathBuf> = text("github.token").path(), project: Never;
    }
}

settings! {
    /// Texts that a tool plugin may read, by the names that it asks for. No
    /// place for a secret: the plugin has them.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TextSettings in "plugins.NAME.settings" {
        /// What the plugin gets when it asks for the setting of that name; its
        /// manifest may have a text for when nothing is set.
        ///
        /// Text.
        pub text as "NAME": Option<String> = text("https://github.example.org/api"), project: Never;
    }
}
