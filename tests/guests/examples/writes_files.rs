//! Writes a file, changes it in both ways, and completes with what the host
//! said.

use hermitage_guest::{Error, Report, Task, agent, file};

const DIFF: &str = "\
--- a/made/by/guest.txt
+++ b/made/by/guest.txt
@@ -1,3 +1,3 @@
 one
 2
-three
+3
";

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let written = file::write_file("made/by/guest.txt", "one\ntwo\nthree\n")?;
    let replaced = file::replace("made/by/guest.txt", "two", "2")?;
    let patched = file::apply_diff("made/by/guest.txt", DIFF)?;
    Ok(Report::completed(format!("{written:?}\n{replaced:?}\n{patched:?}")))
}
