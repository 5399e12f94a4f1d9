//! `search_files`.

use super::*;

fn paths(page: &SearchPage) -> Vec<String> {
    page.hits.iter().map(shown).collect()
}

/// `path`, or `path:line:text`.
fn shown(hit: &SearchHit) -> String {
    match (hit.line, &hit.text) {
        (Some(line), Some(text)) => format!("{}:{line}:{text}", hit.path),
        _ => hit.path.clone(),
    }
}

fn check(it: &Fixture, call: SearchFiles, expect: &[&str]) {
    let page = it.search(call.clone()).unwrap();
    assert_eq!(paths(&page), expect, "{call:?}");
    assert_eq!(page.next, None, "{call:?}");
}

fn check_error(it: &Fixture, call: SearchFiles, expect: ToolError) {
    assert_eq!(it.search(call.clone()), Err(expect), "{call:?}");
}

fn all() -> SearchFiles {
    SearchFiles::default()
}

fn at(path: &str) -> SearchFiles {
    SearchFiles { path: Some(path.to_owned()), ..all() }
}

fn named(name: &str) -> SearchFiles {
    SearchFiles { name: Some(name.to_owned()), ..all() }
}

fn with(content: &str) -> SearchFiles {
    SearchFiles { content: Some(content.to_owned()), ..all() }
}

fn tree() -> Fixture {
    let it = Fixture::new();
    it.put("src/main.rs", "fn main() {}\n// TODO one\n")
        .put("src/lib/a.rs", "mod b;\n// TODO two")
        .put("src/lib/b.toml", "x = 1\n")
        .put("src.txt", "TODO\r\nnot\r\n")
        .put(".hidden", "todo")
        .put("src-z", "")
        .put("binary", "TODO\n\0")
        .put(".git/config", "TODO");
    fs::create_dir(it.path("empty")).unwrap();
    it
}

#[test]
fn everything_is_listed_in_the_order_of_the_walk() {
    let all_entries = [
        ".hidden",
        "binary",
        "empty",
        "src",
        "src/lib",
        "src/lib/a.rs",
        "src/lib/b.toml",
        "src/main.rs",
        "src-z",
        "src.txt",
    ];
    check(&tree(), all(), &all_entries);
    check(&tree(), at("."), &all_entries);
    check(&tree(), at("./"), &all_entries);
    check(&tree(), at("src/lib"), &["src/lib/a.rs", "src/lib/b.toml"]);
    check(&tree(), at("src//lib/"), &["src/lib/a.rs", "src/lib/b.toml"]);
    check(&tree(), at("empty"), &[]);
}

#[test]
fn entries_tell_their_kind_and_size() {
    let it = Fixture::new();
    it.put("d/f", "123").link("d/f", "link").link("/nowhere", "out");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        it.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let hit = |path: &str, kind, bytes| SearchHit {
        path: path.to_owned(),
        kind,
        bytes,
        line: None,
        text: None,
    };
    assert_eq!(
        it.search(all()).unwrap().hits,
        [
            hit("d", EntryKind::Directory, 0),
            hit("d/f", EntryKind::File, 3),
            hit("link", EntryKind::Symlink, 0),
            hit("out", EntryKind::Symlink, 0),
            hit("pipe", EntryKind::Other, 0),
        ]
    );
}

#[test]
fn a_glob_without_a_slash_is_over_the_name() {
    check(&tree(), named("*.rs"), &["src/lib/a.rs", "src/main.rs"]);
    check(&tree(), named("src*"), &["src", "src-z", "src.txt"]);
    check(&tree(), named("{a,b}.*"), &["src/lib/a.rs", "src/lib/b.toml"]);
    check(&tree(), named("lib"), &["src/lib"]);
    check(&tree(), named("LIB"), &[]);
    check(&tree(), named("*.RS"), &[]);
}

#[test]
fn a_glob_with_a_slash_is_over_the_path_from_the_start() {
    check(&tree(), named("src/*.rs"), &["src/main.rs"]);
    check(&tree(), named("src/**/*.rs"), &["src/lib/a.rs", "src/main.rs"]);
    check(&tree(), named("**/lib/*"), &["src/lib/a.rs", "src/lib/b.toml"]);
    let below = SearchFiles { path: Some("src".to_owned()), ..named("lib/*") };
    check(&tree(), below, &["src/lib/a.rs", "src/lib/b.toml"]);
    let below = SearchFiles { path: Some("src".to_owned()), ..named("src/*") };
    check(&tree(), below, &[]);
}

#[test]
fn content_is_searched_line_by_line_in_text_files() {
    let todo = ["src/lib/a.rs:2:// TODO two", "src/main.rs:2:// TODO one", "src.txt:1:TODO"];
    check(&tree(), with("TODO"), &todo);
    check(&tree(), with("^TODO$"), &["src.txt:1:TODO"]);
    check(&tree(), with("(?i)^todo$"), &[".hidden:1:todo", "src.txt:1:TODO"]);
    check(
        &tree(),
        with("TODO|x ="),
        &[
            "src/lib/a.rs:2:// TODO two",
            "src/lib/b.toml:1:x = 1",
            "src/main.rs:2:// TODO one",
            "src.txt:1:TODO",
        ],
    );
    let both = SearchFiles { name: Some("*.rs".to_owned()), ..with("TODO") };
    check(&tree(), both, &todo[..2]);
    let below = SearchFiles { path: Some("src/lib".to_owned()), ..with("TODO") };
    check(&tree(), below, &todo[..1]);
    check(&tree(), with("nowhere"), &[]);
    let page = tree().search(with("x = 1")).unwrap();
    assert_eq!((page.hits[0].bytes, page.hits[0].kind), (6, EntryKind::File));
}

#[test]
fn a_start_that_is_a_file_is_searched_alone() {
    check(&tree(), at("src.txt"), &["src.txt"]);
    check(
        &tree(),
        SearchFiles { path: Some("src.txt".to_owned()), ..with("not") },
        &["src.txt:2:not"],
    );
    check(&tree(), SearchFiles { path: Some("src.txt".to_owned()), ..named("*.rs") }, &[]);
    check(
        &tree(),
        SearchFiles { path: Some("src.txt".to_owned()), ..named("*.txt") },
        &["src.txt"],
    );
}

#[test]
fn a_long_line_is_quoted_in_part() {
    let it = Fixture::new();
    it.put("a", format!("needle{}\n", "\u{20ac}".repeat(1000)));
    let page = it.search(with("needle")).unwrap();
    assert_eq!(page.hits[0].text.as_ref().unwrap(), &format!("needle{}", "\u{20ac}".repeat(168)));
}

#[test]
fn a_large_file_is_not_searched_by_content() {
    let it = Fixture::with(FileConfig { max_search_file_bytes: 5, ..roomy() });
    it.put("a", "12345").put("b", "123456");
    check(&it, with("1"), &["a:1:12345"]);
    check(&it, all(), &["a", "b"]);
}

#[test]
fn symbolic_links_are_listed_and_not_followed() {
    let it = Fixture::new();
    it.put("d/f", "needle\n")
        .link("d", "dir")
        .link("d/f", "file")
        .link("..", "up")
        .link(".", "loop");
    check(&it, all(), &["d", "d/f", "dir", "file", "loop", "up"]);
    check(&it, with("needle"), &["d/f:1:needle"]);
    // A start is named by the caller, so it may be one that stays inside.
    check(&it, at("dir"), &["dir/f"]);
}

#[test]
fn ignored_entries_are_left_out() {
    let it = Fixture::new();
    it.put(".gitignore", "\u{feff}# comment\n*.log\r\n/target\nbuild/\n!keep.log\n[\n")
        .put("a.log", "x")
        .put("keep.log", "x")
        .put("target/x", "x")
        .put("sub/target/x", "x")
        .put("sub/build/x", "x")
        .put("sub/other", "x")
        .put("build", "x")
        .put("sub/.gitignore", "other\n!a.log\n/deep/*\n!/deep/kept\n")
        .put("sub/a.log", "x")
        .put("sub/b.log", "x")
        .put("sub/deep/kept", "x")
        .put("sub/deep/lost", "x")
        .put("sub/deep/er/x", "x")
        .put("zz/other", "x");
    let kept = ["build", "keep.log", "sub/a.log", "sub/deep/kept", "sub/target/x", "zz/other"];
    let lines: Vec<String> = kept.iter().map(|it| format!("{it}:1:x")).collect();
    check(&it, with("^x$"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
    check(&it, at("sub/deep"), &["sub/deep/kept"]);
    check(
        &it,
        at("sub"),
        &["sub/.gitignore", "sub/a.log", "sub/deep", "sub/deep/kept", "sub/target", "sub/target/x"],
    );
}

#[test]
fn an_excluded_start_is_searched_like_any_other() {
    let it = Fixture::new();
    it.put(".gitignore", "target/\n*.log\n/dist/*\n!/dist/kept\nlogs.log\n")
        .put("target/debug/x", "x")
        .put("target/debug/y.log", "x")
        .put("target/debug/target/z", "x")
        .put("target/.gitignore", "/own\n")
        .put("target/own/x", "x")
        .put("dist/lost/x", "x")
        .put("dist/kept", "x")
        .put("b/.gitignore", "*")
        .put("b/x", "x")
        .put("b/c/x", "x")
        .put("logs.log", "x");
    check(&it, with("x"), &["dist/kept:1:x"]);
    check(&it, at("target"), &["target/.gitignore", "target/debug", "target/debug/x"]);
    check(&it, at("target/debug"), &["target/debug/x"]);
    check(&it, at("target/debug/target"), &["target/debug/target/z"]);
    check(&it, at("target/own"), &["target/own/x"]);
    check(&it, at("dist"), &["dist/kept"]);
    check(&it, at("dist/lost"), &["dist/lost/x"]);
    // A rule that matches each entry by itself holds below any start.
    check(&it, at("b"), &[]);
    check(&it, at("b/c"), &[]);
    check(&it, at("b/c/x"), &["b/c/x"]);
    check(&it, at("target/debug/y.log"), &["target/debug/y.log"]);
    check(&it, SearchFiles { content: Some("x".to_owned()), ..at("logs.log") }, &["logs.log:1:x"]);
}

#[test]
fn a_start_in_git_is_an_error() {
    let it = Fixture::new();
    it.put(".git/config", "").put("sub/.git", "").put(".gitignore", "!.git\n");
    for path in [".git", ".git/config", ".git/none", "sub/.git"] {
        check_error(
            &it,
            at(path),
            ToolError::Failed(format!(
                "`{path}` is git's own and never searched: read_file still reads its files"
            )),
        );
    }
}

#[test]
fn gitignore_is_not_read_through_a_link_or_beyond_its_cap() {
    let it = Fixture::with(FileConfig { max_gitignore_bytes: 10, ..roomy() });
    fs::write(it.outer.path().join("rules"), "*\n").unwrap();
    it.link("../rules", ".gitignore").put("a", "").put("b/.gitignore", "aaaa\nbbbb\ncccc\n");
    it.put("b/aaaa", "").put("b/bbbb", "").put("b/cccc", "");
    check(&it, all(), &[".gitignore", "a", "b", "b/.gitignore", "b/cccc"]);
}

#[test]
fn a_gitignore_above_the_workspace_does_not_count() {
    let it = Fixture::new();
    fs::write(it.outer.path().join(".gitignore"), "*\n").unwrap();
    it.put("a", "");
    check(&it, all(), &["a"]);
}

/// Some hundred entries, most with several matching lines.
fn forest() -> Fixture {
    let it = Fixture::new();
    for a in 0..5 {
        for b in 0..4 {
            for c in 0..3 {
                let path = format!("d{a}/e{b}/f{c}");
                it.put(&path, "x\nno\nx\n".repeat(a));
                it.put(&format!("d{a}/e{b}.f{c}"), "x");
            }
        }
    }
    it.put(".gitignore", "e2\n!d3/e2\n");
    it
}

fn pages(it: &Fixture, call: &SearchFiles, limit: u32) -> Vec<SearchHit> {
    let mut hits = Vec::new();
    let mut cursor = None;
    loop {
        let call = SearchFiles { cursor, limit: Some(limit), ..call.clone() };
        let page = it.search(call).unwrap();
        assert!(page.hits.len() <= limit as usize);
        hits.extend(page.hits);
        cursor = page.next;
        if cursor.is_none() {
            return hits;
        }
    }
}

#[test]
fn pages_of_every_size_are_the_whole() {
    let it = forest();
    // The last two are excluded.
    let starts = [None, Some("d3"), Some("d4/e1/f2"), Some("d4/e2"), Some("d2/e2/f1")];
    for call in [all(), named("*f*"), with("x"), named("d*/*/f1"), with("^no$")] {
        for path in starts {
            let call = SearchFiles { path: path.map(str::to_owned), ..call.clone() };
            let expect = pages(&it, &call, 1000);
            for limit in [1, 3, 7, 50] {
                assert_eq!(pages(&it, &call, limit), expect, "{call:?} by {limit}");
            }
        }
    }
    let (directories, inner, outer) = (5 + 5 * 4 - 4, 16 * 3, 5 * 4 * 3);
    assert_eq!(pages(&it, &all(), 1000).len(), directories + inner + outer + 1);
}

#[test]
fn a_page_of_the_size_of_the_rest_is_the_last() {
    let it = Fixture::new();
    it.put("a", "").put("b", "");
    let page = it.search(SearchFiles { limit: Some(2), ..all() }).unwrap();
    assert_eq!((page.hits.len(), page.next), (2, None));
    let page = it.search(SearchFiles { limit: Some(1), ..all() }).unwrap();
    assert_eq!((page.hits.len(), page.next.is_some()), (1, true));
}

#[test]
fn a_page_has_upper_bounds_of_its_own() {
    let it = Fixture::with(FileConfig { max_hits: 3, max_page_bytes: 4, ..roomy() });
    for name in ["a", "b", "c", "d", "long-1", "long-2"] {
        it.put(name, "");
    }
    let page = it.search(SearchFiles { limit: Some(u32::MAX), ..all() }).unwrap();
    assert_eq!(paths(&page), ["a", "b", "c"]);
    let page = it.search(SearchFiles { cursor: page.next, ..all() }).unwrap();
    assert_eq!(paths(&page), ["d"]);
    let page = it.search(SearchFiles { cursor: page.next, ..all() }).unwrap();
    assert_eq!(paths(&page), ["long-1"]);
    assert_eq!(pages(&it, &all(), 1000).len(), 6);
}

#[test]
fn a_page_goes_on_where_the_last_hit_has_vanished() {
    let it = Fixture::new();
    it.put("a/1", "").put("b/1", "").put("b/2", "").put("c", "");
    let page = it.search(SearchFiles { limit: Some(4), ..all() }).unwrap();
    assert_eq!(paths(&page), ["a", "a/1", "b", "b/1"]);
    let next = || SearchFiles { cursor: page.next.clone(), ..all() };
    check(&it, next(), &["b/2", "c"]);
    fs::remove_file(it.path("b/1")).unwrap();
    check(&it, next(), &["b/2", "c"]);
    fs::remove_file(it.path("b/2")).unwrap();
    check(&it, next(), &["c"]);
    fs::remove_dir(it.path("b")).unwrap();
    check(&it, next(), &["c"]);
    it.put("b", "now a file");
    check(&it, next(), &["c"]);
}

#[test]
fn a_cursor_that_is_not_of_this_search_is_an_error() {
    let it = tree();
    let error = "`cursor` is not of this search: give the `next` of the page before";
    for (cursor, call) in [
        ("nonsense", all()),
        ("", all()),
        ("v1:0:../x", all()),
        ("v1:0:src.txt", at("src")),
        ("v1:3:src.txt", all()),
        ("v1:0:src.txt", with("x")),
        ("v1:0:src.txt\n", with("x")),
    ] {
        let call = SearchFiles { cursor: Some(cursor.to_owned()), ..call };
        check_error(&it, call, ToolError::InvalidArguments(error.to_owned()));
    }
}

#[test]
fn wrong_arguments_are_explained() {
    let it = tree();
    let long = "x".repeat(4097);
    for (call, text) in [
        (SearchFiles { limit: Some(0), ..all() }, "`limit` is 0: a page has at least one hit"),
        (
            named("/src/*"),
            "`name` cannot be used: it starts with `/`, but paths are relative to `path`",
        ),
        (
            named("{a"),
            "`name` cannot be used: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
        ),
        (named("[a"), "`name` cannot be used: unclosed character class; missing ']'"),
        (named(&long), "`name` is longer than 4096 bytes: give a shorter one"),
        (with(&long), "`content` is longer than 4096 bytes: give a shorter one"),
        (at(""), "`` is empty: give a path relative to the workspace"),
    ] {
        check_error(&it, call, ToolError::InvalidArguments(text.to_owned()));
    }
    for pattern in ["(", "a{2,1}", "(?<=a)b", "\\1", "a\\nb"] {
        let Err(ToolError::InvalidArguments(text)) = it.search(with(pattern)) else {
            panic!("{pattern} was taken");
        };
        assert!(text.starts_with("`content` cannot be used: "), "{text}");
    }
    check_error(
        &it,
        at("none/x"),
        ToolError::Failed("`none/x` does not exist: search_files lists what does".to_owned()),
    );
}
