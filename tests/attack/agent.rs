//! Agents in text, for what no tool chain would make.

/// What an agent in text is made of; where something is empty it is a plain
/// one that completes with `ran`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agent<'a> {
    /// Further imports, and components inside.
    pub(crate) imports: &'a str,
    /// Core instructions of `realloc`.
    pub(crate) realloc: &'a str,
    /// Parts of the core module that has `run`.
    pub(crate) main: &'a str,
    /// Instead of the name `run`.
    pub(crate) export: &'a str,
    /// Further exports.
    pub(crate) exports: &'a str,
    /// Canonical options of `run`.
    pub(crate) options: &'a str,
}

const TYPES: &str = r#"
  (type $types-type (instance
    (type $role-def (enum "leaf" "orchestrator"))
    (export "role" (type $role (eq $role-def)))
    (type $spec-def (record (field "name" string) (field "description" string) (field "parameters" string)))
    (export "tool-spec" (type $spec (eq $spec-def)))
    (type $rejected-def (record (field "answer" string) (field "errors" (list string))))
    (export "rejected-answer" (type $rejected (eq $rejected-def)))
    (type $task-def (record
      (field "goal" string)
      (field "context" (option string))
      (field "tools" (list $spec))
      (field "role" $role)
      (field "depth" u32)
      (field "max-iterations" u32)
      (field "output-schema" (option string))
      (field "rejected" (option $rejected))))
    (export "task" (type $task (eq $task-def)))
    (type $outcome-def (variant (case "completed") (case "failed" string)))
    (export "outcome" (type $outcome (eq $outcome-def)))
    (type $report-def (record
      (field "outcome" $outcome)
      (field "summary" string)
      (field "truncated" bool)))
    (export "report" (type $report (eq $report-def)))))
  (import "hermitage:subagent/types@0.1.0" (instance $types (type $types-type)))
  (alias export $types "task" (type $task))
  (alias export $types "report" (type $report))
"#;

/// Takes what it is asked for from the end of what was taken.
const REALLOC: &str = "
      (local $res i32)
      (local.set $res (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $res) (local.get 3)))
      (local.get $res)";

/// `run` that returns `ok(report { completed, "ran", false })`.
pub(crate) const RAN: &str = r#"
    (data (i32.const 1024) "ran")
    (func (export "run") (param i32) (result i32)
      (i32.store (i32.const 80) (i32.const 1024))
      (i32.store (i32.const 84) (i32.const 3))
      (i32.const 64))"#;

impl Agent<'_> {
    pub(crate) fn text(&self) -> String {
        let or = |it: &'_ str, default: &'static str| match it {
            "" => default.to_owned(),
            it => it.to_owned(),
        };
        let Self { imports, exports, options, .. } = self;
        let (realloc, main, export) =
            (or(self.realloc, REALLOC), or(self.main, RAN), or(self.export, "run"));
        format!(
            r#"(component {TYPES} {imports}
  (core module $libc
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc}))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core module $main
    (import "libc" "memory" (memory 1)) {main})
  (core instance $main (instantiate $main (with "libc" (instance $libc))))
  (func $run (param "task" $task) (result (result $report (error string)))
    (canon lift (core func $main "run") (memory $memory) (realloc $realloc) {options}))
  (export "{export}" (func $run)) {exports})"#
        )
    }
}

/// A plain agent that imports something more.
pub(crate) fn importing(imports: &str) -> String {
    Agent { imports, ..Agent::default() }.text()
}

/// An agent with a core module of its own.
pub(crate) fn running(main: &str) -> String {
    Agent { main, ..Agent::default() }.text()
}
