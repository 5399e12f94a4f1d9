//! `quickstart`: the three bundled agents on a directory.

use serde_json::json;

use crate::{
    check,
    harness::{Cli, Ran},
};

/// Three files of known size, one marker, one link that leads nowhere.
fn quickstart(more: &[&str]) -> Ran {
    let cli = Cli::new(&[]);
    cli.file("project/src/main.rs", "fn main() {\n    // TODO: say hello\n}\n");
    cli.file("project/README.md", "# Hello\n\n[code](src/main.rs) and [gone](gone.md)\n");
    cli.file("project/Cargo.toml", "[package]\nname = \"hello\"\n");
    // Whatever has to be built first is not what is looked at.
    cli.run(&["quickstart", "project"]);
    cli.run(&[&["quickstart", "project"], more].concat())
}

#[test]
fn quickstart_tells_what_it_found() {
    check!(quickstart(&[]).sorted(), @"
    exit: 0
    ----- stdout
    ✓ [1/3] Survey this directory  (survey, completed, [TIME])
      Hello: [code](src/main.rs) and [gone](gone.md) (from README.md)

      - Holds: 3 files, 1 directory, 111 bytes (111 B)
      - Lines: 8 lines in 3 text files
      - Licence: no file found

      ## Languages

      | Language | Files | Lines |  Share |
      | -------- | ----: | ----: | -----: |
      | Markdown |     1 |     3 | 37.5 % |
      | Rust     |     1 |     3 | 37.5 % |
      | TOML     |     1 |     2 | 25.0 % |

      ## Entry points

      - src/main.rs: Rust program

      ## Build and configuration

      - Cargo.toml

      ## Largest files

      - 49 B  README.md
      - 37 B  src/main.rs
      - 25 B  Cargo.toml

    ✓ [2/3] List what is marked as left to do  (todos, completed, [TIME])
      1 marker in 1 file: 1 TODO

      ## TODO (1)

      src/main.rs
           2: // TODO: say hello

    ✓ [3/3] Check the relative links in Markdown files  (links, completed, [TIME])
      1 broken of 2 relative links in 1 Markdown file; 0 external links not checked

      ## Broken links

      README.md:3: gone.md — no such file or directory
    ----- stderr
    3 of 3 completed  ([TIME])
    ✓ [1/3] Survey this directory  (survey, completed, [TIME])
    ✓ [2/3] List what is marked as left to do  (todos, completed, [TIME])
    ✓ [3/3] Check the relative links in Markdown files  (links, completed, [TIME])
    ");
}

#[test]
fn quickstart_prints_nothing_but_json_on_request() {
    let ran = quickstart(&["--json"]);
    let event = ran.json();
    assert_eq!(ran.exit, Some(0), "{ran}");
    assert_eq!(
        (&event["type"], &event["status"], &event["is_batch"]),
        (&json!("async_delegation"), &json!("completed"), &json!(true))
    );
    let results = event["results"].as_array().unwrap();
    let expect = [("survey", "3 files"), ("todos", "1 marker in 1 file"), ("links", "gone.md")];
    assert_eq!(results.len(), expect.len());
    for (result, (agent, finding)) in results.iter().zip(expect) {
        assert_eq!((&result["agent"], &result["status"]), (&json!(agent), &json!("completed")));
        assert!(result["summary"].as_str().unwrap().contains(finding), "{result}");
        let boundary = &result["boundary"];
        assert_eq!(boundary["granted"], json!(["read_file", "search_files"]));
        assert_eq!((&boundary["stubbed"], &boundary["refused"]), (&json!([]), &json!([])));
        assert_eq!(boundary["component"].as_str().map(str::len), Some(64));
        assert_ne!(result["tool_calls"], 0);
    }
}
