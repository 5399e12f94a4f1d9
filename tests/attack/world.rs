//! What lies around a host: a workspace, what is beside it, and servers that
//! count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use hermitage_tests::{
    attack::CANARY,
    server::Server,
    tree::{Tree, changes, marks, tree},
};
use tempfile::TempDir;

/// Of secrets that lie in the workspace: commands see all of it.
pub(crate) const IN_WORKSPACE: &str = "CANARY4c1d-workspace";

/// What is in the one file that every child may read.
pub(crate) const HELLO: &str = "hello";

/// The servers of this machine that a child could talk to.
pub(crate) struct Servers {
    /// What a rule may allow. It redirects to wherever it is asked to.
    pub(crate) pages: Server,
    /// Nobody may connect to it.
    pub(crate) evil: Server,
}

impl Servers {
    pub(crate) fn new() -> Self {
        let evil = Server::new(|_| page(&format!("{CANARY}-of-the-network")));
        let pages = Server::empty();
        let port = evil.address.port();
        pages.serve(move |path| answer(path, port));
        Self { pages, evil }
    }
}

fn page(text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}")
}

fn answer(path: &str, evil: u16) -> String {
    if let Some(to) = path.strip_prefix("/to/") {
        let to = to.replace("EVIL_PORT", &evil.to_string());
        return format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    }
    match path {
        "/round" => {
            "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n".to_owned()
        }
        "/long" => page(&"x".repeat(3 << 20)),
        "/headers" => {
            let many: String = (0..200).map(|it| format!("X-{it}: y\r\n")).collect();
            format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n")
        }
        "/image" => "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\u{1}\u{2}\u{3}\u{4}".to_owned(),
        "/packed" => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        "/twice" => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        "/short" => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nx".to_owned(),
        "/no-http" => "SSH-2.0-x\r\n\r\n".to_owned(),
        "/nowhere" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/error" => "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/ansi" => page("a\u{1b}[2J\u{1b}]0;t\u{7}b\u{202e}c\u{200b}d"),
        _ => page("a page"),
    }
}

/// A directory for one case.
pub(crate) struct World {
    dir: TempDir,
    places: Vec<(&'static str, String)>,
}

/// All that must not change.
pub(crate) struct Seen {
    outside: Tree,
    marks: BTreeMap<String, String>,
    workspace: Tree,
}

impl World {
    /// Made below `base`, and given to that user.
    pub(crate) fn new(base: &Path, servers: &Servers) -> Self {
        // Never the same one twice: a host may still be closing its files.
        let mode = fs::Permissions::from_mode(0o755);
        let mut named = tempfile::Builder::new();
        let dir = named.prefix("world-").permissions(mode).tempdir_in(base).unwrap();
        let it = Self { places: places(dir.path(), base, servers), dir };
        for name in ["workspace", "outside", "state"] {
            fs::create_dir_all(it.path(name)).unwrap();
        }
        it.put("outside/secret.txt", &format!("{CANARY}-outside"));
        it.put("outside/project/.git/HEAD", "ref: refs/heads/main\n");
        it.put("outside/project/AGENTS.md", "be careful");
        it.put("state/notes.md", &format!("- {CANARY}-of-the-parent\n"));
        it.put("workspace/hello.txt", HELLO);
        for path in [".env", "deploy.key", "id_rsa", ".aws/credentials", ".npmrc", ".git/config"] {
            let text = format!("TOKEN={IN_WORKSPACE}-{}\n", path.replace(['/', '.'], "-"));
            it.put(&format!("workspace/{path}"), &text);
        }
        it.put("workspace/.git/HEAD", "ref: refs/heads/main\n");
        it.put("workspace/.git/hooks/pre-commit.sample", "#!/bin/sh\n");
        it.put("workspace/AGENTS.md", "be careful\n");
        it.put("workspace/src/main.rs", "fn main() {}\n");
        symlink(it.path("outside"), it.path("workspace/link-out")).unwrap();
        symlink(".env", it.path("workspace/link-env")).unwrap();
        symlink(".git", it.path("workspace/link-git")).unwrap();
        symlink("/proc/self", it.path("workspace/link-proc")).unwrap();
        it
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Everything that a person may have lying about is theirs.
    pub(crate) fn give_to(&self, user: Option<u32>) {
        if user.is_some() {
            give(self.dir(), user);
        }
    }

    /// A text with the places of this world in it.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.places.iter().fold(text.to_owned(), |text, (name, place)| text.replace(name, place))
    }

    /// A text without what differs from one world to the next.
    pub(crate) fn blank(&self, text: &str) -> String {
        let text = without_times(text);
        self.places.iter().fold(text, |text, (name, place)| text.replace(place, name))
    }

    pub(crate) fn look(&self, base: &Path) -> Seen {
        let mut outside = tree(&base.join("home"));
        outside.extend(tree(&self.path("outside")));
        Seen {
            outside,
            marks: marks(&self.path("outside")),
            workspace: tree(&self.path("workspace")),
        }
    }

    /// The store, as it lies on the disk.
    pub(crate) fn stored(&self) -> Vec<u8> {
        let files = tree(&self.path("state"));
        let files = files.into_iter().filter(|(path, _)| path != "notes.md");
        files.flat_map(|(_, bytes)| bytes).collect()
    }
}

impl Seen {
    /// What is not as it was outside, and in the workspace.
    pub(crate) fn changes(&self, after: &Seen) -> [BTreeSet<String>; 2] {
        let mut outside = changes(&self.outside, &after.outside);
        outside.extend(changes(&self.marks, &after.marks));
        [outside, changes(&self.workspace, &after.workspace)]
    }
}

/// How long a subagent took is another time on a machine that is busy.
fn without_times(text: &str) -> String {
    let mut parts = text.split("seconds: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| {
        let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
        format!("{text}seconds: TIME{rest}")
    })
}

fn places(dir: &Path, base: &Path, servers: &Servers) -> Vec<(&'static str, String)> {
    let path = |it: &Path| it.to_str().unwrap().to_owned();
    vec![
        ("{EVIL}", servers.evil.address.to_string()),
        ("{EVIL_PORT}", servers.evil.address.port().to_string()),
        ("{PAGES}", servers.pages.address.to_string()),
        ("{PAGES_PORT}", servers.pages.address.port().to_string()),
        ("{OUTSIDE}", path(&dir.join("outside"))),
        ("{STATE}", path(&dir.join("state"))),
        ("{WORKSPACE}", path(&dir.join("workspace"))),
        ("{HOME}", path(&base.join("home"))),
        ("{CANARY}", CANARY.to_owned()),
    ]
}

/// Gives a directory with all that is in it to a user, and lets others look.
pub(crate) fn give(dir: &Path, user: Option<u32>) {
    for path in tree(dir).keys() {
        std::os::unix::fs::lchown(dir.join(path), user, user).unwrap();
    }
    chown(dir, user, user).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
}
