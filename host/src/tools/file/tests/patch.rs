//! `patch`.

use super::*;

fn check(content: &str, mut patch: Patch, expect: Result<(&str, u32), &str>) {
    let it = Fixture::new();
    it.put("a", content);
    patch.path = "a".to_owned();
    let shown = format!("{patch:?}");
    let actual = it.patch(patch);
    let after = it.get("a");
    match expect {
        Ok((text, changes)) => {
            let bytes = text.len() as u64;
            assert_eq!(actual, Ok(Patched { changes, bytes }), "{shown}");
            assert_eq!(after, text, "{shown}");
        }
        Err(text) => {
            assert_eq!(actual, failed(text), "{shown}");
            assert_eq!(after, content, "{shown}");
        }
    }
    assert_eq!(it.tree(), ["a"]);
}

fn check_replace(content: &str, edit: (&str, &str, bool), expect: Result<(&str, u32), &str>) {
    let (search, replace, all) = edit;
    check(content, Patch { all, ..replacement("", search, replace) }, expect);
}

fn check_diff(content: &str, text: &str, expect: Result<(&str, u32), &str>) {
    check(content, diff("", text), expect);
}

#[test]
fn one_occurrence_is_replaced() {
    check_replace("a b c\n", ("b", "xx", false), Ok(("a xx c\n", 1)));
    check_replace("a b c\n", ("b", "", false), Ok(("a  c\n", 1)));
    check_replace("a\nb\nc", ("a\nb\n", "x\n", false), Ok(("x\nc", 1)));
    check_replace("a\r\nb\r\n", ("a\r\nb", "x", false), Ok(("x\r\n", 1)));
    check_replace("\u{e4}\u{f6}", ("\u{f6}", "o", false), Ok(("\u{e4}o", 1)));
}

#[test]
fn all_occurrences_are_replaced_when_asked() {
    check_replace("a a a", ("a", "b", true), Ok(("b b b", 3)));
    check_replace("aaa", ("aa", "b", true), Ok(("ba", 1)));
    check_replace("a", ("a", "aa", true), Ok(("aa", 1)));
}

#[test]
fn text_that_does_not_occur_once_changes_nothing() {
    let many = "`a` holds `search` 2 times: give more of its surroundings, or set `all`";
    check_replace("a b a", ("a", "x", false), Err(many));
    let none = "`a` does not hold `search`: read the file and copy the text to the letter";
    check_replace("a b", ("c", "x", false), Err(none));
    check_replace("a b", ("c", "x", true), Err(none));
    check_replace("", ("c", "x", true), Err(none));
}

#[test]
fn exactly_one_kind_of_edit_is_taken() {
    let it = Fixture::new();
    it.put("a", "x");
    let both = "two edits are given: give `search` and `replace`, or `diff` alone";
    for (search, replace, diff, text) in [
        (None, None, None, "no edit is given: give `search` and `replace`, or `diff`"),
        (Some("x"), None, None, "`search` is without `replace`: give it, empty to delete"),
        (None, Some("x"), None, "`replace` is without `search`: give the text to look for"),
        // An empty text counts as absent.
        (Some(""), Some("x"), None, "`replace` is without `search`: give the text to look for"),
        (Some(""), Some(""), Some(""), "no edit is given: give `search` and `replace`, or `diff`"),
        (Some("x"), Some(""), Some("d"), both),
        (Some("x"), Some("x"), Some("d"), both),
        (Some("x"), None, Some("d"), both),
        (None, Some("x"), Some("d"), both),
    ] {
        let call = Patch {
            path: "a".to_owned(),
            search: search.map(str::to_owned),
            replace: replace.map(str::to_owned),
            all: false,
            diff: diff.map(str::to_owned),
        };
        assert_eq!(it.patch(call), invalid(text));
    }
    assert_eq!(it.get("a"), "x");
    let call = Patch { diff: Some(String::new()), ..replacement("a", "x", "") };
    assert_eq!(it.patch(call), Ok(Patched { changes: 1, bytes: 0 }));
    it.put("a", "x");
    let (search, replace) = (Some(String::new()), Some(String::new()));
    let call = Patch { search, replace, ..diff("a", "@@\n-x\n+y\n") };
    assert_eq!(it.patch(call), Ok(Patched { changes: 1, bytes: 1 }));
}

#[test]
fn a_replacement_that_multiplies_is_refused_before_it_allocates() {
    let it = Fixture::new();
    it.put("a", "x".repeat(8 << 20));
    let call = Patch { all: true, ..replacement("a", "x", &"y".repeat(8 << 20)) };
    let size = 1_u64 << 46;
    let text = format!("`a` would have {size} bytes: at most 8388608 can be written");
    assert_eq!(it.patch(call), failed(&text));
}

#[test]
fn a_file_that_cannot_be_patched_is_named() {
    let it = Fixture::with(FileConfig { max_patch_bytes: 10, ..roomy() });
    it.put("big", "x".repeat(11)).put("bin", "a\0b").put("d/x", "");
    for (path, text) in [
        ("big", "`big` has more than 10 bytes: too large to patch"),
        (
            "bin",
            "`bin` is a binary file of 3 bytes: only text in UTF-8, UTF-16 with a byte order mark, or Latin-1 can be used",
        ),
        ("none", "`none` does not exist: search_files lists what does"),
        ("d", "`d` is a directory: give the path of a file"),
        (".git/config", "`.git/config` belongs to git: write outside `.git`"),
    ] {
        assert_eq!(it.patch(replacement(path, "a", "b")), failed(text));
    }
}

#[test]
fn patches_at_the_same_time_keep_each_other_s_change() {
    let it = Fixture::new();
    let lines: Vec<String> = (0..16).map(|it| format!("<{it}>\n")).collect();
    it.put("a", lines.concat());
    std::thread::scope(|scope| {
        for line in &lines {
            let it = &it;
            scope.spawn(move || it.patch(replacement("a", line, "done\n")).unwrap());
        }
    });
    assert_eq!(it.get("a"), "done\n".repeat(16));
}

#[test]
fn a_diff_is_applied_hunk_by_hunk() {
    let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let diff = "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n@@ -7,3 +7,4 @@ fn x\n 7\n 8\n+8.5\n 9\n";
    check_diff(text, diff, Ok(("1\ntwo\n3\n4\n5\n6\n7\n8\n8.5\n9\n", 2)));
    check_diff("1\n", "@@ -1 +1 @@\n-1\n+2\n", Ok(("2\n", 1)));
    check_diff("1\n", "@@ -1 +0,0 @@\n-1\n", Ok(("", 1)));
    check_diff("", "@@ -0,0 +1,2 @@\n+1\n+2\n", Ok(("1\n2\n", 1)));
    check_diff("1\n2\n", "@@ -1,0 +2 @@\n+x\n", Ok(("1\nx\n2\n", 1)));
    check_diff(
        "1\n",
        "diff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n",
        Ok(("2\n", 1)),
    );
}

#[test]
fn a_diff_that_would_take_quadratic_time_ends() {
    let it = Fixture::with(FileConfig { max_diff_steps: 100_000, ..roomy() });
    it.put("a", "x\n".repeat(10_000));
    let text = format!("@@ -1,3001 +1,3001 @@\n{}-y\n+z\n", " x\n".repeat(3000));
    let expect = "`a` is unchanged, hunk 1 of 1 (@@ -1,3001 +1,3001 @@) does not fit: to find its place takes too long: give fewer lines around the change";
    assert_eq!(it.patch(diff("a", &text)), failed(expect));
    let text = text.replace("-y", "-x");
    assert_eq!(it.patch(diff("a", &text)), Ok(Patched { changes: 1, bytes: 20_000 }));
}
