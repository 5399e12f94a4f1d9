//! The world that a folder's `wit` has.

use wasm_encoder::{ComponentSection as _, CustomSection};
use wit_parser::{PackageId, PackageMetadata, Resolve, WorldId};

use crate::BuildError;
use crate::language::Folder;

/// The one world of a folder.
#[derive(Debug)]
pub(crate) struct Wit {
    pub(crate) resolve: Resolve,
    package: PackageId,
    pub(crate) world: WorldId,
    /// Of the world, for tools that read the folder themselves.
    pub(crate) name: String,
}

impl Wit {
    pub(crate) fn of(source: &Folder) -> Result<Self, BuildError> {
        let folder = source.wit();
        let mut resolve = Resolve::default();
        let failed = |reason| BuildError::Wit { folder: folder.clone(), reason };
        let package = resolve.push_dir(&folder).map(|(package, _)| package);
        let package = package.map_err(|error| failed(format!("{error:#}")))?;
        let world = resolve.select_world(&[package], None);
        let world = world.map_err(|error| failed(format!("{error:#}")))?;
        let found = resolve.worlds.get(world).map(|world| world.name.clone());
        let name = found.ok_or_else(|| failed("it has no world".to_owned()))?;
        Ok(Self { resolve, package, world, name })
    }

    /// Whether the world itself asks for something of WASI.
    pub(crate) fn imports_wasi(&self) -> bool {
        let world = self.resolve.worlds.get(self.world);
        let mut imports = world.into_iter().flat_map(|world| world.imports.keys());
        imports.any(|import| self.resolve.name_world_key(import).starts_with("wasi:"))
    }

    /// What its comments say of the functions.
    pub(crate) fn docs(&self) -> Result<Docs, BuildError> {
        let docs = PackageMetadata::extract(&self.resolve, self.package).encode();
        docs.map(Docs).map_err(|error| BuildError::Wit {
            folder: self.name.clone().into(),
            reason: format!("{error:#}"),
        })
    }
}

/// The comments of a package, as tools of WIT keep them in a component. A tool
/// chain leaves them out, and they are all that a model reads of a function
/// besides its types.
#[derive(Debug)]
pub(crate) struct Docs(Vec<u8>);

impl Docs {
    pub(crate) fn append_to(&self, component: &mut Vec<u8>) {
        let name = PackageMetadata::SECTION_NAME.into();
        CustomSection { name, data: self.0.as_slice().into() }.append_to_component(component);
    }
}
