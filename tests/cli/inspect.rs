//! `inspect`: what a component would get, without running it.

use crate::{check, harness::Cli};

#[test]
fn a_blocked_import_is_stubbed_and_the_others_are_linked() {
    let cli = Cli::new(&["imports_memory"]);
    check!(cli.run(&["inspect", "./imports_memory.wasm"]), @"
    exit: 0
    ----- stdout
    component  imports_memory ([SIZE] bytes)
    digest     [DIGEST]
    grant      read_file, search_files
    toolbox    any granted tool
    can        read files
    linked     hermitage:subagent/progress@0.1.0#log
    linked     hermitage:subagent/file@0.1.0#read-file
    stubbed    hermitage:subagent/memory@0.1.0#memory: `memory` is blocked for children: only the parent holds it
    verdict    runs: everything it imports is linked or answers `denied`
    ----- stderr
    ");
}

#[test]
fn strict_refuses_what_would_be_stubbed() {
    let cli = Cli::new(&["imports_memory"]);
    check!(cli.run(&["inspect", "./imports_memory.wasm", "--strict"]), @"
    exit: 3
    ----- stdout
    component  imports_memory ([SIZE] bytes)
    digest     [DIGEST]
    grant      read_file, search_files
    toolbox    any granted tool
    can        read files
    linked     hermitage:subagent/progress@0.1.0#log
    linked     hermitage:subagent/file@0.1.0#read-file
    refused    hermitage:subagent/memory@0.1.0#memory: `memory` is blocked for children: only the parent holds it
    verdict    does not run: it imports what is not granted (`--strict`)
    ----- stderr
    ");
}

#[test]
fn the_report_is_json_when_that_is_asked_for() {
    let cli = Cli::new(&["imports_memory"]);
    check!(cli.run(&["inspect", "./imports_memory.wasm", "--toolsets", "", "--json"]), @r#"
    exit: 0
    ----- stdout
    {
      "name": "imports_memory",
      "bytes": [SIZE],
      "strict": false,
      "component": "[DIGEST]",
      "policy": "[DIGEST]",
      "granted": [],
      "linked": [
        "hermitage:subagent/progress@0.1.0#log"
      ],
      "stubbed": [
        {
          "import": "hermitage:subagent/file@0.1.0#read-file",
          "reason": "`read_file` is not in the grant (no tools): toolset `file_read` would grant it"
        },
        {
          "import": "hermitage:subagent/memory@0.1.0#memory",
          "reason": "`memory` is blocked for children: only the parent holds it"
        }
      ],
      "refused": [],
      "toolbox": "any granted tool",
      "can": [
        "compute, and nothing else"
      ],
      "verdict": "runs: everything it imports is linked or answers `denied`"
    }
    ----- stderr
    "#);
}

#[test]
fn an_unknown_import_is_refused_whatever_is_granted() {
    let cli = Cli::new(&["imports_unknown"]);
    check!(cli.run(&["inspect", "./imports_unknown.wasm", "--toolsets", "file"]), @"
    exit: 3
    ----- stdout
    component  imports_unknown ([SIZE] bytes)
    digest     [DIGEST]
    grant      read_file, write_file, patch, search_files
    toolbox    any granted tool
    can        read files
    linked     hermitage:subagent/progress@0.1.0#log
    linked     hermitage:subagent/file@0.1.0#read-file
    refused    evil:corp/exfiltrate@1.0.0: unknown interface: nothing outside the contract is linked
    verdict    does not run: it imports what no child can have
    ----- stderr
    ");
    let ran = cli.run(&["run", "steal it", "--agent", "./imports_unknown.wasm", "--json"]);
    let result = &ran.json()["results"][0];
    assert_eq!((ran.exit, result["exit_reason"].as_str()), (Some(3), Some("refused")));
    // Not even started: it would have read a file.
    assert_eq!(result["tool_calls"], 0);
}

#[test]
fn a_component_that_is_no_agent_is_not_said_to_import_anything() {
    let cli = Cli::new(&[]);
    cli.file("empty.wasm", wat::parse_str("(component)").unwrap());
    check!(cli.run(&["inspect", "./empty.wasm"]), @"
    exit: 3
    ----- stdout
    component  empty ([SIZE] bytes)
    digest     [DIGEST]
    grant      read_file, search_files
    toolbox    any granted tool
    can        compute, and nothing else
    refused    component: it exports no function `run`, which starts an agent
    verdict    does not run: it is a component, but no agent; `hermitage plugin show` tells what a tool plugin can do
    ----- stderr
    ");
}
