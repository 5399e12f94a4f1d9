//! Text that is not plain UTF-8, and what a search says that it passed over.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::*;

/// The same text as each program would write it.
const TEXTS: [(&str, &[u8]); 4] = [
    ("utf-8 with byte order mark", b"\xef\xbb\xbfcaf\xc3\xa9\r\nx\r\n"),
    ("utf-16le", b"\xff\xfec\0a\0f\0\xe9\0\r\0\n\0x\0\r\0\n\0"),
    ("utf-16be", b"\xfe\xff\0c\0a\0f\0\xe9\0\r\0\n\0x\0\r\0\n"),
    ("windows-1252", b"caf\xe9\r\nx\r\n"),
];

#[test]
fn text_in_other_encodings_is_read() {
    for (encoding, bytes) in TEXTS {
        let it = Fixture::new();
        it.put("a", bytes);
        let slice = it.read(whole("a")).unwrap();
        assert_eq!(
            (&*slice.text, slice.encoding.as_deref()),
            ("caf\u{e9}\r\nx\r\n", Some(encoding))
        );
        let counts = (slice.lines, slice.total_lines, slice.total_bytes, slice.binary);
        assert_eq!(counts, (2, 2, bytes.len() as u64, false), "{encoding}");
        let second = ReadFile { offset: Some(2), ..whole("a") };
        assert_eq!(it.read(second).unwrap().text, "x\r\n");
        let counts = it.read(ReadFile { limit: Some(0), ..whole("a") }).unwrap();
        assert_eq!((counts.total_lines, counts.binary), (2, false));
    }
}

#[test]
fn what_is_written_back_keeps_its_encoding() {
    for (encoding, bytes) in TEXTS {
        let it = Fixture::new();
        it.put("a", bytes);
        it.patch(replacement("a", "x\n", "y\n")).unwrap();
        it.patch(replacement("a", "y", "x")).unwrap();
        assert_eq!(fs::read(it.path("a")).unwrap(), bytes, "{encoding}");
        it.write("a", "caf\u{e9}\r\nx\r\n").unwrap();
        assert_eq!(fs::read(it.path("a")).unwrap(), bytes, "{encoding}");
        assert_eq!(
            it.write("a", "\u{e9}").unwrap().bytes,
            fs::metadata(it.path("a")).unwrap().len()
        );
        assert_eq!(it.read(whole("a")).unwrap().encoding.as_deref(), Some(encoding));
    }
    let it = Fixture::new();
    it.write("new", "\u{e9}").unwrap();
    assert_eq!(it.get("new"), "\u{e9}");
}

#[test]
fn a_character_that_the_encoding_has_not_changes_nothing() {
    let it = Fixture::new();
    it.put("a", b"caf\xe9\n");
    let expect = "`a` is unchanged: it is in windows-1252, which has no `\u{2192}`: leave that out, \
                  or write another file";
    assert_eq!(it.write("a", "x \u{2192} y"), failed(expect));
    assert_eq!(it.patch(replacement("a", "caf", "\u{2192}")), failed(expect));
    assert_eq!(fs::read(it.path("a")).unwrap(), b"caf\xe9\n");
}

#[test]
fn a_large_file_in_another_encoding_is_not_held() {
    let it = Fixture::with(FileConfig { max_patch_bytes: 10, ..roomy() });
    it.put("a", b"caf\xe9 and more\n").put("b", "caf\u{e9} and more\n");
    let expect = "`a` is not in UTF-8 and has more than 10 bytes: too large to read";
    assert_eq!(it.read(whole("a")), failed(expect));
    assert_eq!(it.read(whole("b")).unwrap().encoding, None);
}

fn skipped(it: &Fixture, call: SearchFiles) -> Vec<(String, u32, Vec<String>)> {
    let page = it.search(call).unwrap();
    let plain = |it: Skipped| (it.reason, it.count, it.paths);
    page.skipped.into_iter().map(plain).collect()
}

fn entry(reason: &str, count: u32, paths: &[&str]) -> (String, u32, Vec<String>) {
    (reason.to_owned(), count, paths.iter().map(|it| (*it).to_owned()).collect())
}

fn with(content: &str) -> SearchFiles {
    SearchFiles { content: Some(content.to_owned()), ..SearchFiles::default() }
}

#[test]
fn a_search_looks_into_every_encoding() {
    let it = Fixture::new();
    for (index, (_, bytes)) in TEXTS.into_iter().enumerate() {
        it.put(&format!("f{index}"), bytes);
    }
    let page = it.search(with("^caf\u{e9}$")).unwrap();
    let hits: Vec<(&str, u64)> = page.hits.iter().map(|it| (&*it.path, it.bytes)).collect();
    let sizes = TEXTS.map(|(_, bytes)| bytes.len() as u64);
    assert_eq!(hits, [("f0", sizes[0]), ("f1", sizes[1]), ("f2", sizes[2]), ("f3", sizes[3])]);
    assert_eq!(page.skipped, []);
}

#[test]
fn a_search_says_what_it_passed_over() {
    let it = Fixture::with(FileConfig { max_search_file_bytes: 20, max_depth: 2, ..guarded() });
    it.put("a", "needle\n")
        .put("binary", "needle\0")
        .put("other", b"\xe9\x01")
        .put("large", "needle\n".repeat(3))
        .put(".env", "needle")
        .put("d/deep/x", "needle")
        .put(".gitignore", "ignored\n")
        .put("ignored", "needle\0");
    let deep = entry("nested too deeply: its entries were not listed", 1, &["d/deep"]);
    let expect = [
        entry("binary: no text to search", 2, &["binary", "other"]),
        entry("too large to search by content", 1, &["large"]),
        entry("closed as a secret", 1, &[".env"]),
        deep.clone(),
    ];
    assert_eq!(skipped(&it, with("needle")), expect);
    // By name, all of them are found.
    assert_eq!(skipped(&it, SearchFiles::default()), [deep]);
    let one = SearchFiles { path: Some("binary".to_owned()), ..with("needle") };
    assert_eq!(
        skipped(&it, one),
        expect[..1]
            .iter()
            .map(|it| (it.0.clone(), 1, vec!["binary".to_owned()]))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_search_names_some_of_many() {
    let it = Fixture::new();
    (0..12).for_each(|index| {
        it.put(&format!("f{index:02}"), "\0");
    });
    let expect = entry("binary: no text to search", 12, &["f00", "f01", "f02", "f03", "f04"]);
    assert_eq!(skipped(&it, with("x")), [expect]);
}

#[test]
fn each_page_tells_its_own_part() {
    let it = Fixture::new();
    for name in ["a", "c", "e"] {
        it.put(name, "x\n");
    }
    for name in ["b", "d", "f"] {
        it.put(name, "\0");
    }
    let page = |cursor| it.search(SearchFiles { cursor, limit: Some(1), ..with("x") }).unwrap();
    let paths =
        |page: &SearchPage| page.skipped.iter().flat_map(|it| it.paths.clone()).collect::<Vec<_>>();
    let first = page(None);
    let second = page(first.next.clone());
    let third = page(second.next.clone());
    assert_eq!(third.next, None);
    assert_eq!([paths(&first), paths(&second), paths(&third)], [vec![], vec!["b"], vec!["d", "f"]]);
}

#[test]
fn a_name_that_is_not_utf_8_is_told() {
    let it = Fixture::new();
    it.put(".gitignore", "gone*\n").put("d/x", "");
    for name in [&b"d/caf\xe9.txt"[..], b"d/gone\xe9", b"\xff"] {
        fs::write(it.path("").join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let reason = "its name is not UTF-8: no tool can take it, a command can rename it";
    let expect = [entry(reason, 2, &["d/caf\\xe9.txt", "\\xff"])];
    assert_eq!(skipped(&it, SearchFiles::default()), expect);
    assert_eq!(skipped(&it, with("x")), expect);
}
