//! Diffs as models write them: a directory for each, with the file before, the
//! diff, and either the file after or the error. `path` is there when the
//! file is not `a.txt`. `UPDATE_DIFFS=1` writes the errors anew.

use super::*;

/// Fewer were lost on the way.
const MIN_CASES: usize = 100;

#[test]
fn each_diff_is_applied_or_explained() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tools/file/tests/diffs");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(cases).unwrap().map(|it| it.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= MIN_CASES, "{} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|it| check(it).err()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn check(case: &Path) -> Result<(), String> {
    let read = |name: &str| fs::read(case.join(name)).ok();
    let name = case.file_name().unwrap().display();
    let text = |name: &str| String::from_utf8(read(name).unwrap()).unwrap();
    let path = read("path").map_or_else(|| "a.txt".to_owned(), |_| text("path"));
    let before = read("before").unwrap();
    let it = Fixture::new();
    it.put(&path, &before);
    let outcome = it.patch(diff(&path, &text("diff")));
    let after = fs::read(it.path(&path)).unwrap();
    let shown = |it: &[u8]| it.escape_ascii().to_string();
    match (outcome, read("after")) {
        (Ok(_), Some(expect)) if after == expect => Ok(()),
        (Ok(patched), expect) => Err(format!(
            "{name}: {patched:?}\n  {}\n  {}",
            shown(&after),
            expect.map_or_else(|| "should fail".to_owned(), |it| shown(&it))
        )),
        (Err(error), Some(_)) => Err(format!("{name}: {error}")),
        (Err(_), None) if after != before => Err(format!("{name}: changed all the same")),
        (Err(error), None) => {
            let error = format!("{error}\n");
            if std::env::var_os("UPDATE_DIFFS").is_some_and(|it| it == "1") {
                fs::write(case.join("error"), &error).unwrap();
            }
            match text("error") == error {
                true => Ok(()),
                false => Err(format!("{name}:\n  {error}  {}", text("error"))),
            }
        }
    }
}
