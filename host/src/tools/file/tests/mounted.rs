//! What is mounted below the workspace is not entered.
//!
//! A mount takes a privilege: in a namespace of its own, where the system
//! gives one, the tests run once more as another process. Elsewhere the
//! comparison alone is tested, in `workspace`.

use std::process::{Command, Stdio};

use super::*;

/// Set in the process that may mount; its value is a workspace.
const INSIDE: &str = "HERMITAGE_TEST_MOUNTED";

/// A directory of the same file system, mounted in the workspace: its device
/// is the workspace's own.
#[test]
fn a_mount_is_not_entered() {
    let it = Fixture::new();
    fs::create_dir(it.outer.path().join("other")).unwrap();
    fs::write(it.outer.path().join("other/f"), "canary\n").unwrap();
    it.put("m/.keep", "").put("file", "").put("own", "canary\n");
    let script = "mount --bind \"$1/other\" \"$1/workspace/m\" && \
                  mount --bind \"$1/other/f\" \"$1/workspace/file\" && \
                  exec \"$2\" --exact tools::file::tests::mounted::inside --nocapture";
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .args([it.outer.path(), &std::env::current_exe().unwrap()])
        .env(INSIDE, it.path(""))
        .stdin(Stdio::null())
        .output();
    let Some(output) = output.ok().filter(|it| !is_not_permitted(&it.stderr)) else { return };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{output:?}");
}

fn is_not_permitted(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.contains("unshare: ") || text.contains("mount: ")
}

/// The test itself; nothing outside of that process.
#[test]
fn inside() {
    let Some(workspace) = std::env::var_os(INSIDE) else { return };
    let tools = FileTools::open(Path::new(&workspace), roomy()).unwrap();
    let refused = |path: &str| {
        format!("`{path}` lies in a file system that is mounted there: give a path outside of it")
    };
    for path in ["m/f", "file"] {
        let read = block_on(whole(path).call(&tools, &caller()));
        assert_eq!(read, failed(&refused(path)));
        let patch = block_on(replacement(path, "canary", "x").call(&tools, &caller()));
        assert_eq!(patch, failed(&refused(path)));
    }
    for path in ["m/f", "m/new", "m/d/new"] {
        let call = WriteFile { path: path.to_owned(), content: "x".to_owned() };
        assert_eq!(block_on(call.call(&tools, &caller())), failed(&refused(path)));
    }
    let start = SearchFiles { path: Some("m".to_owned()), ..SearchFiles::default() };
    assert_eq!(block_on(start.call(&tools, &caller())), failed(&refused("m")));
    let all = SearchFiles { content: Some("canary".to_owned()), ..SearchFiles::default() };
    let hits = block_on(all.call(&tools, &caller())).unwrap().hits;
    assert_eq!(hits.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["own"]);
    let listed = block_on(SearchFiles::default().call(&tools, &caller())).unwrap().hits;
    let listed: Vec<&str> = listed.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(listed, ["file", "m", "own"]);
    assert_eq!(fs::read_to_string(Path::new(&workspace).join("m/f")).unwrap(), "canary\n");
}
