//! Layers of configuration, laid over one another.

use std::ffi::OsString;

use super::{
    ConfigError, document, environment,
    keys::Keys,
    leaf::Leaf,
    leaves::Leaves,
    narrow,
    source::Source,
    values::{Layer, Values},
};

/// What lies over the built-in values, lowest first. All are absent by
/// default.
#[derive(Default)]
pub struct Layers {
    /// The user's own file.
    pub user: Option<Source>,
    /// The file of the workspace, which may narrow what it finds, and not
    /// widen it.
    pub project: Option<Source>,
    /// Variables of the environment; those that are not of the form
    /// `HERMITAGE_SECTION__KEY` are passed over.
    pub environment: Vec<(OsString, OsString)>,
}

impl Layers {
    /// Lays what is right of all layers, and tells everything that is wrong
    /// with each.
    pub(super) fn values(&self, keys: &Keys) -> (Values, Vec<ConfigError>) {
        let (mut res, mut errors) = (Values::built_in(keys), Vec::new());
        let user = file(keys, self.user.as_ref(), &mut errors);
        res.lay(Layer::User, user);

        let project = file(keys, self.project.as_ref(), &mut errors);
        let mut narrowing = Vec::new();
        for leaf in project {
            match narrow::check(&leaf, &res) {
                Ok(()) => narrowing.push(leaf),
                Err(err) => errors.push(err),
            }
        }
        res.lay(Layer::Project, narrowing);

        let (environment, wrong) = environment::leaves(keys, &self.environment);
        errors.extend(wrong);
        res.lay(Layer::Environment, environment);
        (res, errors)
    }
}

fn file(keys: &Keys, source: Option<&Source>, errors: &mut Vec<ConfigError>) -> Vec<Leaf> {
    let Some(Source { name, text, dir }) = source else { return Vec::new() };
    match document::parse(name, text) {
        Ok((table, lines)) => {
            let mut leaves = Leaves::of(keys, name, &lines, table);
            errors.append(&mut leaves.errors);
            leaves.found.iter_mut().for_each(|it| it.start_paths_at(dir));
            leaves.found
        }
        Err(all) => {
            errors.extend(all);
            Vec::new()
        }
    }
}
