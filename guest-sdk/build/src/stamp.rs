//! Whether a component is still what a build would make.
//!
//! Owns the stamp beside each component: the digests of everything that went
//! into it. Cargo is not asked, which takes longer than all of this.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::toolchain::{Identity, Kind};
use crate::{Built, cargo, probe};

/// Raise it when the same sources give another component for a reason that is
/// not in [`cargo::recipe`], such as another version of wit-component.
const FORMAT: u32 = 2;

/// Digits of a folder's digest in a file name.
const FOLDER_DIGITS: usize = 8;

/// Digests of files that were already read; none for one that is not there.
pub(crate) type Digests = HashMap<PathBuf, Option<String>>;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    pub(crate) name: String,
    pub(crate) source: PathBuf,
    /// All that the source folder builds.
    pub(crate) components: Vec<String>,
    pub(crate) recipe: String,
    pub(crate) tool_chain: Identity,
    pub(crate) digest: String,
    pub(crate) bytes: u64,
    pub(crate) imports: Vec<String>,
    pub(crate) inputs: Vec<(PathBuf, Option<String>)>,
}

impl Stamp {
    pub(crate) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(io::Error::from)
    }

    pub(crate) fn into_built(self, path: PathBuf, fresh: bool) -> Built {
        Built { name: self.name, path, bytes: self.bytes, imports: self.imports, fresh }
    }

    fn is_fresh(&self, component: &Path, digests: &mut Digests) -> bool {
        file_digest(component, digests).as_ref() == Some(&self.digest)
            && self.inputs.iter().all(|(path, digest)| file_digest(path, digests) == *digest)
    }
}

pub(crate) fn path(out_dir: &Path, source: &Path, name: &str) -> PathBuf {
    out_dir.join(format!("{}.json", stem(source, name)))
}

pub(crate) fn component_path(out_dir: &Path, source: &Path, name: &str) -> PathBuf {
    out_dir.join(format!("{}.wasm", stem(source, name)))
}

/// Two folders may hold packages of one name; neither takes the other's
/// component for its own.
pub(crate) fn stem(source: &Path, name: &str) -> String {
    let folder = digest(source.as_os_str().as_encoded_bytes());
    format!("{name}-{}", folder.chars().take(FOLDER_DIGITS).collect::<String>())
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

pub(crate) fn file_digest(path: &Path, digests: &mut Digests) -> Option<String> {
    if let Some(digest) = digests.get(path) {
        return digest.clone();
    }
    let found = regular(path).map(|content| digest(&content));
    digests.insert(path.to_owned(), found.clone());
    found
}

/// What is in a file. A pipe that lies in its place would be waited for.
fn regular(path: &Path) -> Option<Vec<u8>> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    fs::read(path).ok()
}

/// Stands for everything that this crate itself adds to a component: `how` for
/// what it does in a language besides Rust.
pub(crate) fn recipe_digest(foreign_imports: bool, how: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let recipe = format!("{FORMAT} {version} {foreign_imports} {:?} {how}", cargo::recipe());
    digest(recipe.as_bytes())
}

/// The components of `source`, in the order of their names, if all of them
/// are still right.
pub(crate) fn fresh(
    source: &Path,
    out_dir: &Path,
    recipe: &str,
    forced: Option<Kind>,
) -> Option<Vec<Built>> {
    let stamps = of_source(source, out_dir);
    let names: Vec<&String> = stamps.iter().map(|stamp| &stamp.name).collect();
    let mut digests = Digests::new();
    let mut compilers = HashMap::new();
    for stamp in &stamps {
        let same_compiler = *compilers
            .entry(&stamp.tool_chain.program)
            .or_insert_with(|| probe::is_unchanged(&stamp.tool_chain));
        let fresh = names.iter().copied().eq(&stamp.components)
            && stamp.recipe == recipe
            && stamp.tool_chain.kind.is_none_or(|kind| forced.is_none_or(|it| it == kind))
            && same_compiler
            && stamp.is_fresh(&component_path(out_dir, source, &stamp.name), &mut digests);
        if !fresh {
            return None;
        }
    }
    if stamps.is_empty() {
        return None;
    }
    let built = |stamp: Stamp| {
        let path = component_path(out_dir, source, &stamp.name);
        stamp.into_built(path, true)
    };
    Some(stamps.into_iter().map(built).collect())
}

/// Removes what `source` no longer builds: its stamps would make the others
/// stale for ever.
pub(crate) fn remove_others(source: &Path, out_dir: &Path, names: &[String]) {
    for stamp in of_source(source, out_dir) {
        if !names.contains(&stamp.name) {
            let _ = fs::remove_file(path(out_dir, source, &stamp.name));
            let _ = fs::remove_file(component_path(out_dir, source, &stamp.name));
        }
    }
}

/// No input is younger than `start`: cargo has seen the content that is there
/// now. The lock file is cargo's own.
pub(crate) fn untouched_since(start: SystemTime, inputs: &BTreeSet<PathBuf>) -> bool {
    inputs.iter().filter(|path| !path.ends_with("Cargo.lock")).all(|path| {
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
        modified.map_or(true, |modified| modified < start)
    })
}

/// Stamps that can't be read are as good as none.
fn of_source(source: &Path, out_dir: &Path) -> Vec<Stamp> {
    let Ok(entries) = fs::read_dir(out_dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let stamps = paths.filter(|path| path.extension().is_some_and(|ext| ext == "json"));
    let mut stamps: Vec<Stamp> = stamps
        .filter_map(|path| serde_json::from_slice(&regular(&path)?).ok())
        .filter(|stamp: &Stamp| stamp.source == source)
        .collect();
    stamps.sort_by(|a, b| a.name.cmp(&b.name));
    stamps
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "/source";

    /// A folder of its own with a source, a compiler and a fresh component.
    struct Fixture {
        dir: PathBuf,
    }

    impl Fixture {
        fn new(test: &str) -> Self {
            let name = format!("hermitage-build-{}-{test}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir_all(&dir).unwrap();
            for file in ["lib.rs", "rustc"] {
                fs::write(dir.join(file), file).unwrap();
            }
            fs::write(component_path(&dir, Path::new(SOURCE), "a"), "a.wasm").unwrap();
            let this = Self { dir };
            this.write_stamp("a", &["a"]);
            this
        }

        fn write_stamp(&self, name: &str, components: &[&str]) {
            let metadata = fs::metadata(self.dir.join("rustc")).unwrap();
            let modified = metadata.modified().unwrap();
            let modified = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let inputs = [self.dir.join("lib.rs"), self.dir.join("config.toml")];
            let stamp = Stamp {
                name: name.to_owned(),
                source: PathBuf::from(SOURCE),
                components: components.iter().map(|&name| name.to_owned()).collect(),
                recipe: recipe_digest(false, ""),
                tool_chain: Identity {
                    kind: Some(Kind::Debian),
                    program: self.dir.join("rustc"),
                    bytes: metadata.len(),
                    modified_ns: u64::try_from(modified.as_nanos()).unwrap(),
                    version: "rustc 1".to_owned(),
                },
                digest: digest(b"a.wasm"),
                bytes: 6,
                imports: vec!["i#f".to_owned()],
                inputs: inputs.map(|p| (p.clone(), file_digest(&p, &mut Digests::new()))).into(),
            };
            fs::write(path(&self.dir, Path::new(SOURCE), name), stamp.to_bytes().unwrap()).unwrap();
        }

        fn fresh(&self) -> Option<Vec<Built>> {
            fresh(Path::new(SOURCE), &self.dir, &recipe_digest(false, ""), None)
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }

    #[test]
    fn nothing_changed_is_fresh() {
        let fixture = Fixture::new("same");
        let built = fixture.fresh().unwrap();
        assert_eq!((built[0].name.as_str(), built[0].bytes, built[0].fresh), ("a", 6, true));
        assert_eq!(built[0].imports, ["i#f"]);
    }

    #[test]
    fn any_change_is_stale() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 7] = [
            ("source", |dir| fs::write(dir.join("lib.rs"), "other").unwrap()),
            ("source gone", |dir| fs::remove_file(dir.join("lib.rs")).unwrap()),
            ("new config", |dir| fs::write(dir.join("config.toml"), "").unwrap()),
            ("component", |dir| {
                fs::write(component_path(dir, Path::new(SOURCE), "a"), "b").unwrap();
            }),
            ("compiler", |dir| fs::write(dir.join("rustc"), "new rustc").unwrap()),
            ("stamp", |dir| {
                fs::write(path(dir, Path::new(SOURCE), "a"), "{").unwrap();
            }),
            ("stamp gone", |dir| {
                fs::remove_file(path(dir, Path::new(SOURCE), "a")).unwrap();
            }),
        ];
        for (index, (name, change)) in changes.into_iter().enumerate() {
            let fixture = Fixture::new(&format!("change-{index}"));
            change(&fixture.dir);
            assert_eq!(fixture.fresh(), None, "{name}");
        }
    }

    #[test]
    fn another_recipe_tool_chain_or_folder_is_stale() {
        let fixture = Fixture::new("other");
        let source = Path::new(SOURCE);
        let (recipe, other) = (recipe_digest(false, ""), recipe_digest(false, "x"));
        let check = |source: &Path, recipe: &str, forced| {
            fresh(source, &fixture.dir, recipe, forced).is_some()
        };
        assert!(check(source, &recipe, Some(Kind::Debian)));
        assert!(!check(source, &recipe, Some(Kind::Active)));
        assert!(!check(source, &other, None));
        assert!(!check(Path::new("/elsewhere"), &recipe, None));
    }

    #[test]
    fn two_folders_with_one_name_keep_apart() {
        let of = |folder: &str| component_path(Path::new("/out"), Path::new(folder), "survey");
        assert_ne!(of("/one/survey"), of("/two/survey"));
        assert_eq!(of("/one/survey"), of("/one/survey"));
    }

    #[test]
    fn a_component_that_is_missing_or_left_over_is_stale() {
        let fixture = Fixture::new("set");
        fixture.write_stamp("a", &["a", "b"]);
        assert_eq!(fixture.fresh(), None);
        fixture.write_stamp("a", &["a"]);
        fixture.write_stamp("b", &["b"]);
        assert_eq!(fixture.fresh(), None);
        remove_others(Path::new(SOURCE), &fixture.dir, &["a".to_owned()]);
        assert!(fixture.fresh().is_some());
    }
}
