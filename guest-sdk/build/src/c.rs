//! C: clang for WebAssembly, without a system below it.
//!
//! The bindings are generated into the folder's `bindings`, where the author
//! finds the header that the source includes. In place of a C library there
//! are the few functions that the bindings need and that a text is worked
//! with: `libc.c`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use wit_bindgen_core::Files;

use crate::environment::Environment;
use crate::foreign::Job;
use crate::language::{BINDINGS, Folder};
use crate::probe;
use crate::program::Program;
use crate::wit::Wit;
use crate::{BuildError, foreign};

/// The functions, and their headers.
const LIBRARY: &str = include_str!("../c/libc.c");
const HEADERS: [(&str, &str); 3] = [
    ("ctype.h", include_str!("../c/include/ctype.h")),
    ("stdlib.h", include_str!("../c/include/stdlib.h")),
    ("string.h", include_str!("../c/include/string.h")),
];

const INCLUDE: &str = "include";

/// Which clang there may be, the newest first.
const NEWEST: u32 = 23;
const OLDEST: u32 = 15;
pub(crate) const INSTALL: &str = "apt-get install -y clang-19 lld-19";

const COMPILE: [&str; 8] = [
    "--target=wasm32-unknown-unknown",
    "-std=c17",
    "-Os",
    "-Wall",
    "-Wextra",
    "-nostdlibinc",
    "-ffunction-sections",
    "-c",
];
/// A stack that is too deep meets the end of memory, and not the data.
const LINK: [&str; 6] = [
    "--target=wasm32-unknown-unknown",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--gc-sections",
    "-Wl,--strip-all",
    "-Wl,--stack-first",
];

/// For the digest of a build.
pub(crate) fn recipe() -> String {
    format!("{COMPILE:?} {LINK:?} {LIBRARY} {HEADERS:?}")
}

pub(crate) fn find(source: &Folder, environment: &Environment) -> Result<Program, BuildError> {
    let numbered = (OLDEST..=NEWEST).rev().map(|version| PathBuf::from(format!("clang-{version}")));
    let candidates = std::iter::once(PathBuf::from("clang")).chain(numbered);
    let mut found = candidates.filter_map(|name| Program::find(&[name], environment));
    found
        .find(|clang| can_link(clang, environment))
        .ok_or_else(|| foreign::missing(source, "clang with `wasm-ld`", INSTALL.to_owned()))
}

/// Every clang compiles for WebAssembly; the linker is a package of its own.
fn can_link(clang: &Program, environment: &Environment) -> bool {
    let arguments = ["--target=wasm32-unknown-unknown", "--print-prog-name=wasm-ld"];
    let linker = probe::output(&clang.path, &arguments, Path::new("/"), environment);
    // It says the mere name of one that is not there.
    linker.is_ok_and(|linker| Path::new(linker.trim()).is_absolute())
}

/// The core module.
pub(crate) fn build(job: &Job<'_>) -> Result<PathBuf, BuildError> {
    let bindings = job.source.path.join(BINDINGS);
    let generated = write_bindings(job.wit, &bindings)?;
    let of_kind = |kind: &str| {
        let has_kind = |path: &&PathBuf| path.extension().is_some_and(|it| it == kind);
        generated.iter().filter(has_kind).cloned().collect::<Vec<_>>()
    };
    let library = write_library(job.scratch)?;
    let sources = [job.source.main_files(), of_kind("c"), vec![library.clone()]].concat();
    let mut objects = of_kind("o");
    for (index, file) in sources.into_iter().enumerate() {
        let object = job.scratch.join(format!("{index}.o"));
        job.run(|command| {
            command.args(COMPILE).arg("-I").arg(&bindings);
            command.arg("-isystem").arg(job.scratch.join(INCLUDE));
            // A loop of `memcpy` must not become a call of `memcpy`.
            command.args((file == library).then_some("-fno-builtin"));
            command.arg(&file).arg("-o").arg(&object);
        })?;
        objects.push(object);
    }
    let module = job.scratch.join("module.wasm");
    job.run(|command| {
        command.args(LINK).args(&objects).arg("-o").arg(&module);
    })?;
    Ok(module)
}

fn write_library(scratch: &Path) -> Result<PathBuf, BuildError> {
    for (name, text) in HEADERS {
        foreign::write(&scratch.join(INCLUDE).join(name), text.as_bytes())?;
    }
    let library = scratch.join("libc.c");
    foreign::write(&library, LIBRARY.as_bytes())?;
    Ok(library)
}

/// What was generated: a source, its header and an object that describes the
/// world.
fn write_bindings(wit: &Wit, to: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let failed = |reason| BuildError::Wit { folder: to.to_owned(), reason };
    let (mut resolve, mut files) = (wit.resolve.clone(), Files::default());
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, wit.world, &mut files)
        .map_err(|error| failed(format!("{error:#}")))?;
    let mut paths = Vec::new();
    for (name, content) in files.iter() {
        let path = to.join(OsString::from(name));
        // What is the same keeps its time, for those who go by it.
        if fs::read(&path).ok().as_deref() != Some(content) {
            foreign::write(&path, content)?;
        }
        paths.push(path);
    }
    Ok(paths)
}
