//! How much children write in all.

use super::*;

fn exhausted<T>(max: u64, what: &str, key: &str) -> Result<T, ToolError> {
    Err(ToolError::Exhausted(format!(
        "quota exceeded: the children of this host may write {max} {what} in all (`tools.file.{key}`)"
    )))
}

#[test]
fn bytes_have_an_end_and_what_is_over_changes_nothing() {
    let it = Fixture::with(FileConfig { max_written_bytes: 100, ..roomy() });
    it.put("old", "o".repeat(60));
    it.write("a", &"x".repeat(50)).unwrap();
    // What was there before is not counted, nor is what does not grow.
    it.write("old", &"n".repeat(60)).unwrap();
    it.write("a", &"y".repeat(50)).unwrap();
    it.patch(replacement("old", "n".repeat(60).as_str(), &"p".repeat(80))).unwrap();
    let before = (it.tree(), it.get("a"), it.get("old"));
    let over = || exhausted(100, "bytes", "max_written_mib");
    assert_eq!(it.write("d/e/b", &"x".repeat(31)), over());
    assert_eq!(it.write("a", &"x".repeat(81)), over());
    let grow = Patch { all: true, ..replacement("old", "p", "pp") };
    assert_eq!(it.patch(grow), exhausted(100, "bytes", "max_written_mib"));
    assert_eq!((it.tree(), it.get("a"), it.get("old")), before);
    it.write("d/b", &"x".repeat(30)).unwrap();
    assert_eq!(it.write("c", "x"), over());
    it.write("c", "").unwrap();
}

#[test]
fn a_file_that_is_emptied_and_filled_is_counted_each_time() {
    let it = Fixture::with(FileConfig { max_written_bytes: 100, ..roomy() });
    for _ in 0..2 {
        it.write("a", &"x".repeat(50)).unwrap();
        it.write("a", "").unwrap();
    }
    assert!(it.write("a", "x").is_err());
}

#[test]
fn empty_files_and_directories_have_an_end() {
    let it = Fixture::with(FileConfig { max_created_files: 5, ..roomy() });
    it.write("d/e/a", "").unwrap();
    it.write("d/e/b", "").unwrap();
    it.write("d/e/a", "x").unwrap();
    let over = || exhausted(5, "new files", "max_created_files");
    assert_eq!(it.write("f/a", ""), over());
    assert_eq!(it.tree(), ["d", "d/e", "d/e/a", "d/e/b"]);
    it.write("c", "").unwrap();
    assert_eq!(it.write("g", ""), over());
    it.write("c", "x").unwrap();
}

#[test]
fn clones_share_what_is_left() {
    let it = Fixture::with(FileConfig { max_created_files: 1, ..roomy() });
    let call = |path: &str| WriteFile { path: path.to_owned(), content: String::new() };
    let tools = it.tools.clone();
    block_on(call("a").call(&tools, &caller())).unwrap();
    drop(tools);
    assert!(it.write("b", "").is_err());
}

#[test]
fn a_write_that_fails_costs_nothing() {
    let it = Fixture::with(FileConfig { max_written_bytes: 10, max_created_files: 2, ..roomy() });
    it.put("d/x", "");
    for _ in 0..3 {
        assert!(it.write("d", "1234567890").is_err());
        assert!(it.write("d/x/y", "1234567890").is_err());
    }
    it.write("n/a", "1234567890").unwrap();
}
