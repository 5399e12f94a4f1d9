use super::*;

fn read_with(html: &str, is_wanted: &dyn Fn() -> bool) -> Result<Readable, Unreadable> {
    read(html, &Target::parse("https://docs.rs/a/b?c").unwrap(), is_wanted)
}

fn markdown(html: &str) -> String {
    read_with(html, &|| true).unwrap().markdown
}

/// As long as it takes: what time is enough depends on the machine.
fn bounded(html: &str) -> Result<(), Unreadable> {
    check_depth(&parse(html, Duration::MAX, &|| true)?)
}

fn check_error(html: &str, expect: Unreadable) {
    assert_eq!(bounded(html), Err(expect));
}

#[test]
fn the_readable_part_is_markdown() {
    let text = "A sentence, with some commas, that is long enough to count as text. ".repeat(10);
    let html = format!(
        "<html><head><title>Of texts</title><style>p {{}}</style></head><body>\
         <nav><ul><li><a href='/x'>Menu</a></ul></nav>\
         <article><h2>Head</h2><p>{text}</p><p>{text}<a href='../x?y#z'>link</a> \
         <b>bold</b></p><script>alert(1)</script></article></body></html>"
    );
    let page = read_with(&html, &|| true).unwrap();
    assert_eq!(page.title, "Of texts");
    assert!(page.markdown.starts_with("## Head\n\nA sentence"), "{}", page.markdown);
    assert!(page.markdown.contains("[link](https://docs.rs/x?y"), "{}", page.markdown);
    assert!(page.markdown.contains("**bold**"), "{}", page.markdown);
    for absent in ["Menu", "alert", "p {}"] {
        assert!(!page.markdown.contains(absent), "{absent}: {}", page.markdown);
    }
}

#[test]
fn a_page_without_a_readable_part_is_its_body() {
    assert_eq!(markdown("<title>t</title><body><ul><li>a<li>b</ul>"), "- a\n- b");
    assert_eq!(markdown("plain"), "plain");
    assert_eq!(markdown(""), "");
    assert_eq!(markdown("<script>x</script><style>y</style><!--z-->"), "");
}

#[test]
fn links_lead_to_pages_and_images_are_texts() {
    let check = |html: &str, expect: &str| assert_eq!(markdown(html), expect, "{html}");
    check("<a href='javascript:alert(1)'>x</a>", "x");
    check("<a href='data:text/html,x'>x</a>", "x");
    check("<a href='https://u:p@docs.rs'>x</a>", "x");
    check("<a href=' d '>x</a>", "[x](https://docs.rs/a/d)");
    check("<base href='https://tokio.rs/e/'><a href='d'>x</a>", "[x](https://tokio.rs/e/d)");
    check("<img src='https://evil.org/x' alt='a chart'>", "a chart");
    check("<picture><source srcset='//evil.org/x'><img src='//evil.org/y'></picture>z", "z");
    check("<noscript><img src='//evil.org/x' alt='n'></noscript>", "n");
}

#[test]
fn texts_of_elements_on_lines_of_their_own_are_not_glued() {
    let check = |html: &str, expect: &str| assert_eq!(markdown(html), expect, "{html}");
    check(
        "<dl><dt>Term<dd>Meaning<dt>Other<dd>Two<dd>Three</dl>",
        "Term\n\nMeaning\n\nOther\n\nTwo\n\nThree",
    );
    check("<details><summary>More</summary>Text</details>After", "More\n\nText\n\nAfter");
    check("<figure><img alt=chart><figcaption>Of it</figcaption></figure>x", "chart\n\nOf it\n\nx");
    check(
        "<table><caption>Of it</caption><tr><td>a<td>b</table>",
        "Of it\n\n\n|   |   |\n| - | - |\n| a | b |",
    );
    check(
        "<table><tr><th>Price<th>Count<tr><td rowspan=2>10<td>20<tr><td>30</table>",
        "| Price | Count |\n| ----- | ----- |\n| 10 | 20 |\n| 30 |  |",
    );
    check(
        "<table><tr><th>a<th>b<tr><td>Total<td>100<tr><td colspan=2>200</table>",
        "| a | b |\n| - | - |\n| Total | 100 |\n| 200 |  |",
    );
    check("<menu><li>a<li>b</menu>", "- a\n- b");
    for name in [
        "address",
        "aside",
        "center",
        "dd",
        "details",
        "dialog",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "header",
        "hgroup",
        "legend",
        "main",
        "nav",
        "search",
        "summary",
        "article",
        "section",
        "div",
        "p",
        "h2",
        "li",
        "blockquote",
        "pre",
        "ul",
        "xmp",
        "form",
    ] {
        let text = markdown(&format!("<div>x<{name}>one</{name}><{name}>two</{name}>y</div>"));
        for glued in ["xone", "onetwo", "twoy"] {
            assert!(!text.contains(glued), "{name}: {text}");
        }
    }
    check("<select><option>a<option>b</select>", "a  \nb");
}

#[test]
fn a_page_that_grows_without_end_is_given_up() {
    let repeat = |text: &str, times: usize| text.repeat(times);
    check_error(&repeat("<div>", 100_000), Unreadable::TooDeep);
    check_error(&repeat("<ul><li>", 20_000), Unreadable::TooDeep);
    check_error(&repeat("<br>", 500_000), Unreadable::TooLarge);
    check_error(&repeat("<!-->", 200_000), Unreadable::TooLarge);
    check_error(&repeat("<blockquote>", MAX_QUOTES + 1), Unreadable::TooDeep);
    assert_eq!(bounded(&repeat("<blockquote>", MAX_QUOTES)), Ok(()));
    // Elements outside of where they were written, and copied ones.
    check_error(&format!("<table>{}", repeat("<div>", 2_000)), Unreadable::TooDeep);
    let bold: String = (0..5_000).map(|it| format!("<p><b a={it}></p>")).collect();
    for html in [bold, repeat("<b>x<p>", 20_000)] {
        let res = bounded(&html);
        assert!(matches!(res, Err(Unreadable::TooDeep | Unreadable::TooLarge)), "{res:?}");
    }
}

#[test]
fn attributes_without_end_take_no_time_without_end() {
    let attributes: String = (0..200_000).map(|it| format!(" a{it}")).collect();
    let res = read_with(&format!("<p{attributes}>"), &|| true).map(|_| ());
    assert_eq!(res, Err(Unreadable::TooSlow));
    assert_eq!(markdown(&format!("<p class='{}'>x", "a ".repeat(500_000))), "x");
}

/// At the bounds, on a thread with the smallest stack that a host may give
/// the tools: an overflow would end the process, and this test with it.
#[test]
fn the_deepest_page_fits_the_stack() {
    let nested = |tags: &str, times: usize, copies: usize| {
        let closed = tags.replace('<', "</");
        let one = format!("{}text<br>text{}", tags.repeat(times), closed.repeat(times));
        format!("<body>{}", one.repeat(copies))
    };
    let quotes = MAX_QUOTES - 1;
    let pages = [
        nested("<div>", MAX_DEPTH - 5, 4),
        nested("<blockquote>", quotes, 4),
        nested("<ul><li>", quotes / 2, 4),
        nested("<table><tr><td>", quotes, 4),
        nested("<b>", quotes, 4),
        nested("<pre>", quotes, 4),
        nested("<a href=x><table><tr><td>", quotes / 2, 4),
        nested("<section><div>", MAX_DEPTH / 2 - 3, 4),
    ];
    let work = move || pages.map(|it| markdown(&it).contains("text"));
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap();
    assert_eq!(thread.join().unwrap(), [true; 8]);
}

#[test]
fn an_unwanted_page_is_not_read_on() {
    let asked = std::cell::Cell::new(0);
    let is_wanted = || {
        asked.set(asked.get() + 1);
        asked.get() < 3
    };
    let res = read_with(&"<p>x</p>".repeat(10_000), &is_wanted);
    assert_eq!(res.map(|_| ()), Err(Unreadable::Interrupted));
    assert_eq!(asked.get(), 3);
}
