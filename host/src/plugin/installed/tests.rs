use std::{
    os::unix::fs::{PermissionsExt as _, symlink},
    thread,
};

use super::*;
use crate::{plugin::name, toolset::ToolSpec};

const TEXT: &str = "name = 'a'\nversion = '1.0.0'\ndescription = 'd'\n";

/// A plugin of that name, which differs from others by its bytes.
struct Made {
    approval: Approval,
    component: Binary,
}

fn made(name: &str, bytes: &str) -> Made {
    let manifest =
        Manifest { name: name.to_owned(), ..Manifest::parse("plugin.toml", TEXT).unwrap() };
    let tools = vec![ToolSpec::new("go", "Goes.", r#"{"type":"object"}"#)];
    let component = Binary::new(bytes.as_bytes());
    Made { approval: Approval::of(&manifest, Some(TEXT), tools, &component, 1.0), component }
}

impl Made {
    fn draft(&self) -> Draft<'_> {
        Draft { approval: &self.approval, manifest: Some(TEXT), component: &self.component }
    }
}

fn place() -> (tempfile::TempDir, Installed) {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installed::at(dir.path().join("data/tools"));
    (dir, installed)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut res: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    res.sort();
    res
}

#[test]
fn what_was_added_is_there_until_it_is_removed() {
    let (_dir, installed) = place();
    assert!(installed.names().unwrap().is_empty());
    assert!(!installed.remove("a").unwrap());
    let (one, two) = (made("a", "one"), made("b", "two"));
    assert_eq!(installed.add(two.draft(), None).unwrap(), Added::New);
    assert_eq!(installed.add(one.draft(), None).unwrap(), Added::New);
    assert_eq!(installed.add(one.draft(), None).unwrap(), Added::Same);
    assert_eq!(installed.names().unwrap(), ["a", "b"]);
    let found = installed.get("a").unwrap().unwrap();
    assert_eq!(found.approval, one.approval);
    assert_eq!(found.manifest.name, "a");
    assert_eq!(fs::read(&found.component).unwrap(), b"one");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&found.component), 0o600);
    assert_eq!(mode(found.component.parent().unwrap()), 0o700);
    assert!(installed.remove("a").unwrap());
    assert!(installed.get("a").unwrap().is_none());
    assert_eq!(names(&installed.dir), [".lock", "b"]);
}

#[test]
fn another_one_takes_the_place_of_what_the_person_saw_there() {
    let (_dir, installed) = place();
    let (one, two, three) = (made("a", "one"), made("a", "two"), made("a", "three"));
    installed.add(one.draft(), None).unwrap();
    assert_eq!(installed.add(two.draft(), Some(&one.approval)).unwrap(), Added::New);
    let bytes = || fs::read(installed.get("a").unwrap().unwrap().component).unwrap();
    assert_eq!(bytes(), b"two");
    for before in [Some(&one.approval), None] {
        let error = installed.add(three.draft(), before).unwrap_err();
        assert!(matches!(error, InstalledError::Changed { .. }), "{error}");
    }
    assert_eq!(bytes(), b"two");
    assert_eq!(names(&installed.dir), [".lock", "a"]);
}

#[test]
fn what_was_changed_by_hand_is_damaged_and_can_be_added_again() {
    let (_dir, installed) = place();
    let one = made("a", "one");
    let check = |change: fn(&Path), expect: &str| {
        installed.add(one.draft(), None).unwrap();
        let dir = installed.dir.join("a");
        change(&dir);
        let error = installed.get("a").unwrap_err().to_string();
        let (what, hint) = error.split_once("\nhint: ").unwrap();
        assert!(what.starts_with(&format!("the plugin `a` is damaged: {expect}")), "{what}");
        assert!(hint.contains("hermitage plugin remove a"), "{hint}");
        assert_eq!(installed.add(one.draft(), None).unwrap(), Added::New);
        installed.get("a").unwrap().unwrap();
    };
    let replace = |dir: &Path, from: &str, to: &str| {
        let path = dir.join(APPROVAL);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    check(|it| fs::write(it.join(APPROVAL), "{").unwrap(), "its approval can't be read: ");
    check(|it| fs::remove_file(it.join(APPROVAL)).unwrap(), "`approved.json` is missing");
    check(|it| fs::remove_file(it.join(COMPONENT)).unwrap(), "`component.wasm` is missing");
    let other = "`plugin.toml` is not the one that was approved";
    check(|it| fs::remove_file(it.join(manifest::FILE)).unwrap(), other);
    check(|it| fs::write(it.join(manifest::FILE), format!("{TEXT}#")).unwrap(), other);
    check(
        |it| {
            fs::remove_file(it.join(APPROVAL)).unwrap();
            symlink("/dev/zero", it.join(APPROVAL)).unwrap();
        },
        "`approved.json` can't be read: ",
    );
    check(
        |it| fs::write(it.join(APPROVAL), vec![b' '; 9 << 20]).unwrap(),
        "`approved.json` can't be read: it has more than",
    );
    check(
        |it| fs::set_permissions(it, fs::Permissions::from_mode(0o777)).unwrap(),
        "other users may write into its directory",
    );
    installed.add(one.draft(), None).unwrap();
    replace(&installed.dir.join("a"), "\"name\": \"a\"", "\"name\": \"b\"");
    let error = installed.get("a").unwrap_err().to_string();
    assert!(error.contains("its approval was changed since it was given"), "{error}");
    replace(&installed.dir.join("a"), "\"name\": \"b\"", "\"name\": \"a\"");
    replace(&installed.dir.join("a"), "Nothing but its own computing", "May do everything");
    let error = installed.get("a").unwrap_err().to_string();
    assert!(error.contains("its approval was changed since it was given"), "{error}");
    installed.add(made("d", "one").draft(), None).unwrap();
    fs::rename(installed.dir.join("d"), installed.dir.join("c")).unwrap();
    let error = installed.get("c").unwrap_err().to_string();
    assert!(error.contains("it is approved as `d`"), "{error}");
    assert!(installed.remove("c").unwrap());
    // The others are there all the same.
    installed.add(made("b", "two").draft(), None).unwrap();
    let all = installed.all().unwrap();
    assert_eq!(all.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
    assert!(installed.remove("a").unwrap());
}

#[test]
fn what_a_killed_process_left_is_not_there_and_goes() {
    let (_dir, installed) = place();
    fs::create_dir_all(installed.dir.join(".draft-killed")).unwrap();
    fs::write(installed.dir.join(".draft-killed/component.wasm"), "half").unwrap();
    assert!(installed.all().unwrap().is_empty());
    installed.add(made("a", "one").draft(), None).unwrap();
    assert_eq!(names(&installed.dir), [".lock", "a"]);
}

#[test]
fn a_name_that_leads_elsewhere_is_nothing_to_remove() {
    let (dir, installed) = place();
    installed.add(made("a", "one").draft(), None).unwrap();
    for name in ["..", ".", "", ".lock", "a/../a", "../tools"] {
        assert!(!installed.remove(name).unwrap(), "{name}");
        assert!(name::check_plugin(name).is_err(), "{name}");
    }
    assert!(dir.path().join("data/tools/a").is_dir());
}

/// Many at once: whatever each of them sees is whole.
#[test]
fn whoever_reads_while_others_add_sees_one_of_them_as_a_whole() {
    let (_dir, installed) = place();
    let (one, two) = (made("a", "one"), made("a", "two"));
    installed.add(one.draft(), None).unwrap();
    thread::scope(|scope| {
        for turn in [[&one, &two], [&two, &one]] {
            let installed = installed.clone();
            scope.spawn(move || {
                for made in turn.iter().cycle().take(40) {
                    let before = installed.get("a").unwrap().map(|it| it.approval);
                    match installed.add(made.draft(), before.as_ref()) {
                        Ok(_) | Err(InstalledError::Changed { .. }) => (),
                        Err(err) => panic!("{err:?}"),
                    }
                }
            });
        }
        for _ in 0..200 {
            let found = installed.get("a").unwrap().expect("it is there all the time");
            assert!([&one, &two].iter().any(|it| it.approval == found.approval));
        }
    });
    assert_eq!(names(&installed.dir), [".lock", "a"]);
}
