//! The typed tools of the sandbox, `host/src/sandbox/tables`, are what `wit/`
//! says.
//!
//! They follow from names. Function `read-file` of interface `file` is the
//! tool `crate::tools::file::ReadFile`, whose fields are its parameters, or
//! those of the one record that it takes; a record or an enum of the contract,
//! like `file-slice`, is the type of that name beside it. The compiler checks
//! every field of both sides. What has another form is converted by hand, see
//! [`BY_HAND`]. `UPDATE_TABLES=1` writes the tables anew.

mod table;
mod tests;
mod types;

use std::{collections::BTreeMap, env, fs, iter, path::Path};

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::File;
use wit_parser::{InterfaceId, PackageId, Resolve, WorldItem};

use crate::types::{Types, snake};

/// Interfaces that hold no tool. Their functions are written by hand, in the
/// module of `sandbox` that has the name of the interface.
const WITHOUT_TOOLS: [&str; 3] = ["progress", "toolbox", "model"];

/// Tools that `sandbox::convert` converts.
struct ByHand {
    /// Those whose parameters are not the fields of their arguments, by a
    /// function of the tool's name.
    arguments: &'static [&'static str],
    /// Those whose output is not the record of the contract, by a function of
    /// the tool's name and `_answer`.
    answers: &'static [&'static str],
}

const BY_HAND: ByHand =
    ByHand { arguments: &["patch", "delegate-task", "memory"], answers: &["delegate-task"] };

const FIRST_LINE: &str =
    "// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.\n\n";

#[test]
fn tables_are_up_to_date() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wit = Resolve::default();
    let (package, _) = wit.push_dir(checkout.join("wit")).unwrap();
    let tables = tables(&wit, package);
    let dir = checkout.join("host/src/sandbox");
    if env::var_os("UPDATE_TABLES").is_some_and(|it| it == "1") {
        write(&dir, &tables);
    }
    assert!(
        checked_in(&dir) == tables,
        "`host/src/sandbox/tables` is not what `wit/` says\n\
         hint: UPDATE_TABLES=1 cargo test --workspace --test tool_tables"
    );
}

fn write(dir: &Path, tables: &BTreeMap<String, String>) {
    checked_in(dir).keys().for_each(|it| fs::remove_file(dir.join(it)).unwrap());
    fs::create_dir_all(dir.join("tables")).unwrap();
    tables.iter().for_each(|(name, text)| fs::write(dir.join(name), text).unwrap());
}

/// The files that there are, by their names below `sandbox`.
fn checked_in(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir.join("tables")).into_iter().flatten();
    let names = entries.map(|it| format!("tables/{}", it.unwrap().file_name().to_str().unwrap()));
    let names = names.chain(["tables.rs".to_owned()]);
    names.filter_map(|it| Some((it.clone(), fs::read_to_string(dir.join(&it)).ok()?))).collect()
}

/// The files that there should be.
fn tables(wit: &Resolve, package: PackageId) -> BTreeMap<String, String> {
    let world = wit.select_world(&[package], Some("subagent")).unwrap();
    let interfaces = wit.worlds[world].imports.values().filter_map(|it| match it {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    });
    let mut types = Types::new(wit);
    let has_tools = |it: &InterfaceId| !WITHOUT_TOOLS.contains(&types.interface(*it));
    let has_functions = |it: &InterfaceId| types.functions(*it).next().is_some();
    let with_tools: Vec<_> = interfaces.filter(has_tools).filter(has_functions).collect();
    for function in with_tools.iter().flat_map(|it| types.functions(*it)).collect::<Vec<_>>() {
        table::need(&mut types, function);
    }
    let names: Vec<Ident> = with_tools.iter().map(|it| snake(types.interface(*it))).collect();
    let table = |(name, id): (&Ident, &InterfaceId)| {
        (format!("tables/{name}.rs"), formatted(table::table(&types, *id)))
    };
    let mut res: BTreeMap<_, _> = names.iter().zip(&with_tools).map(table).collect();
    res.insert("tables.rs".to_owned(), formatted(catalogue(&names)));
    res
}

/// The list of all functions.
fn catalogue(tables: &[Ident]) -> TokenStream {
    let by_hand: Vec<Ident> = WITHOUT_TOOLS.iter().map(|it| snake(it)).collect();
    quote! {
        #![doc = " Every function of the contract: those without a tool, and the tools as typed"]
        #![doc = " imports, a table for each interface."]

        #(mod #tables;)*

        use super::{function::Entry, #(#by_hand),*};

        pub(super) static CATALOGUE: &[&[Entry]] =
            &[#(#by_hand::FUNCTIONS,)* #(#tables::FUNCTIONS),*];
    }
}

fn formatted(tokens: TokenStream) -> String {
    let file: File = syn::parse2(tokens).unwrap();
    let head = File { items: Vec::new(), ..file.clone() };
    let items =
        file.items.into_iter().map(|it| File { shebang: None, attrs: vec![], items: vec![it] });
    let parts: Vec<String> =
        iter::once(head).chain(items).map(|it| prettyplease::unparse(&it)).collect();
    let text = FIRST_LINE.to_owned() + &parts.join("\n");
    // Functions stand apart from what is above them in their block.
    text.replace("\n    fn ", "\n\n    fn ")
        .replace("{\n\n    fn ", "{\n    fn ")
        .replace(";\n\nmod ", ";\nmod ")
}
