//! `read_file`.

use super::*;

fn small() -> FileConfig {
    FileConfig { max_read_bytes: 20, max_line_bytes: 8, ..roomy() }
}

fn slice(text: &str, first_line: u32, lines: u32, total_lines: u64, bytes: u64) -> FileSlice {
    let text = text.to_owned();
    let (total_bytes, truncated, binary) = (bytes, false, false);
    let encoding = None;
    FileSlice { text, first_line, lines, total_lines, total_bytes, truncated, binary, encoding }
}

fn check(content: &str, offset: Option<u32>, limit: Option<u32>, expect: FileSlice) {
    let it = Fixture::with(small());
    it.put("a.txt", content);
    let actual = it.read(ReadFile { path: "a.txt".to_owned(), offset, limit });
    assert_eq!(actual, Ok(expect), "{content:?} {offset:?} {limit:?}");
}

fn cut(slice: FileSlice) -> FileSlice {
    FileSlice { truncated: true, ..slice }
}

#[test]
fn a_file_is_read_as_a_whole() {
    check("", None, None, slice("", 1, 0, 0, 0));
    check("\n", None, None, slice("\n", 1, 1, 1, 1));
    check("a\nb\n", None, None, slice("a\nb\n", 1, 2, 2, 4));
    check("a\nb", None, None, slice("a\nb", 1, 2, 2, 3));
    check("a\r\nb\r\n", None, None, slice("a\r\nb\r\n", 1, 2, 2, 6));
    check("\n\n\n", None, None, slice("\n\n\n", 1, 3, 3, 3));
}

#[test]
fn lines_are_counted_from_one() {
    check("a\nb\nc\n", Some(1), Some(1), slice("a\n", 1, 1, 3, 6));
    check("a\nb\nc\n", Some(2), Some(1), slice("b\n", 2, 1, 3, 6));
    check("a\nb\nc\n", Some(2), None, slice("b\nc\n", 2, 2, 3, 6));
    check("a\nb\nc", Some(3), Some(9), slice("c", 3, 1, 3, 5));
    check("a\nb\n", None, Some(1), slice("a\n", 1, 1, 2, 4));
    check("a\nb\n", Some(1), Some(u32::MAX), slice("a\nb\n", 1, 2, 2, 4));
}

#[test]
fn a_limit_of_zero_gives_the_counts_alone() {
    check("a\nb\nc", None, Some(0), slice("", 1, 0, 3, 5));
    check("a\nb\nc", Some(2), Some(0), slice("", 2, 0, 3, 5));
    check("", None, Some(0), slice("", 1, 0, 0, 0));
}

#[test]
fn an_offset_past_the_end_gives_no_lines() {
    check("a\nb\n", Some(3), None, slice("", 3, 0, 2, 4));
    check("a\nb", Some(3), None, slice("", 3, 0, 2, 3));
    check("a\n", Some(u32::MAX), Some(u32::MAX), slice("", u32::MAX, 0, 1, 2));
    check("", Some(2), None, slice("", 2, 0, 0, 0));
}

#[test]
fn text_stops_at_the_byte_cap_after_a_whole_line() {
    let lines = "12345\n12345\n12345\n12345\n";
    check(lines, None, None, cut(slice("12345\n12345\n12345\n", 1, 3, 4, 24)));
    check(lines, None, Some(3), slice("12345\n12345\n12345\n", 1, 3, 4, 24));
    check(lines, Some(2), None, slice("12345\n12345\n12345\n", 2, 3, 4, 24));
    check("1234\n1234\n1234\n1234\n", None, None, slice("1234\n1234\n1234\n1234\n", 1, 4, 4, 20));
}

#[test]
fn a_long_line_is_cut_at_a_whole_character() {
    check("123456789\nb\n", None, None, cut(slice("12345678\nb\n", 1, 2, 2, 12)));
    check("123456789", None, None, cut(slice("12345678", 1, 1, 1, 9)));
    check("1234567\u{e4}x\n", None, None, cut(slice("1234567\n", 1, 1, 1, 11)));
    check("1234567\n", None, None, slice("1234567\n", 1, 1, 1, 8));
    // The line end counts: it is a part of the line.
    check("12345678\n", None, None, cut(slice("12345678\n", 1, 1, 1, 9)));
}

#[test]
fn a_huge_line_takes_no_more_than_its_cap() {
    let it = Fixture::new();
    it.put("a", format!("{}\nend", "\u{20ac}".repeat(1_000_000)));
    let slice = it.read(whole("a")).unwrap();
    assert_eq!(slice.text, format!("{}\nend", "\u{20ac}".repeat(64 * 1024 / 3)));
    assert_eq!((slice.lines, slice.total_lines, slice.total_bytes), (2, 2, 3_000_004));
    assert!(slice.truncated);
}

#[test]
fn characters_across_the_pieces_of_a_file_are_whole() {
    let it =
        Fixture::with(FileConfig { max_read_bytes: 1 << 20, max_line_bytes: 1 << 20, ..roomy() });
    for shift in 0..4 {
        let text = format!("{}{}\n", "x".repeat(shift), "\u{1f600}".repeat(40_000));
        it.put("a", &text);
        assert_eq!(it.read(whole("a")).unwrap().text, text);
    }
}

#[test]
fn a_binary_file_fails_with_its_size_unless_no_text_is_wanted() {
    let long = |tail: &[u8]| [vec![b'x'; 70_000], tail.to_vec()].concat();
    for content in [
        b"a\0b".to_vec(),
        b"\xff\xfea".to_vec(),
        b"\xe9\x02\n".to_vec(),
        b"\x90".to_vec(),
        b"\xc3\xa9\xe9".to_vec(),
        long(b"\0"),
        long(b"\xff\x81"),
    ] {
        let it = Fixture::new();
        let size = content.len();
        it.put("a", content);
        let read = |limit| it.read(ReadFile { path: "a".to_owned(), offset: Some(2), limit });
        let text = format!(
            "`a` is a binary file of {size} bytes: only text in UTF-8, UTF-16 with a byte order \
             mark, or Latin-1 can be used"
        );
        for limit in [None, Some(1)] {
            assert_eq!(read(limit), failed(&text));
        }
        let counts = FileSlice { binary: true, ..slice("", 2, 0, 0, size as u64) };
        assert_eq!(read(Some(0)), Ok(counts));
    }
}

#[test]
fn an_offset_of_zero_is_an_error() {
    let it = Fixture::new();
    let call = ReadFile { path: "a".to_owned(), offset: Some(0), limit: None };
    assert_eq!(it.read(call), invalid("`offset` is 0: lines are counted from 1"));
}

#[test]
fn windows_of_every_size_are_those_of_the_lines() {
    let it = Fixture::new();
    let lines: Vec<String> = (0..20_000).map(|it| format!("line {it}\n")).collect();
    it.put("a", lines.concat());
    for (offset, limit) in [(1, 5), (7000, 3), (7001, 900), (19_999, 2), (20_000, 9), (1, 20_000)] {
        let from = offset as usize - 1;
        let expect = &lines[from..lines.len().min(from + limit as usize)];
        let slice = it
            .read(ReadFile { path: "a".to_owned(), offset: Some(offset), limit: Some(limit) })
            .unwrap();
        assert_eq!(slice.text, expect.concat());
        assert_eq!(slice.lines as usize, expect.len());
        assert_eq!(slice.total_lines, 20_000);
        assert!(!slice.truncated);
    }
}
