//! The options of this command for another process of this program, which may
//! start in another directory.

use std::{ffi::OsString, io, path::Path};

use super::args::Global;

/// Those of every command.
pub(super) fn options(global: &Global) -> io::Result<Vec<OsString>> {
    let Global { config, plugin_path, store } = global;
    let named = config.iter().map(|it| ("--config", it));
    let named = named.chain(plugin_path.iter().map(|it| ("--plugin-path", it)));
    let named = named.chain(store.iter().map(|it| ("--store", it)));
    let mut res = Vec::new();
    for (option, path) in named {
        res.extend(path_option(option, path)?);
    }
    Ok(res)
}

/// An option, and its path from the root.
pub(super) fn path_option(option: &str, path: &Path) -> io::Result<[OsString; 2]> {
    Ok([option.into(), std::path::absolute(path)?.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_mean_the_same_in_any_directory() {
        let global = Global {
            config: Some("a.toml".into()),
            plugin_path: vec!["x".into(), "/y".into()],
            store: Some("s.db".into()),
        };
        let here = std::env::current_dir().unwrap();
        let here = |it: &str| here.join(it).into_os_string();
        let expect: [OsString; 8] = [
            "--config".into(),
            here("a.toml"),
            "--plugin-path".into(),
            here("x"),
            "--plugin-path".into(),
            "/y".into(),
            "--store".into(),
            here("s.db"),
        ];
        assert_eq!(options(&global).unwrap(), expect);
    }
}
