;; An agent as another tool chain would make it: it imports WASI unasked.
(component
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

  (import "wasi:cli/environment@0.2.6" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))
  (import "wasi:filesystem/types@0.2.6" (instance $filesystem
    (export "descriptor" (type (sub resource)))))
  (alias export $filesystem "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.6" (instance $preopens
    (alias outer 1 $descriptor (type $outer-descriptor))
    (export "descriptor" (type $own-descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $own-descriptor) string)))))))

  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $res i32)
      (local.set $res (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $res) (local.get 3)))
      (local.get $res)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $get-environment (canon lower (func $environment "get-environment")
    (memory $memory) (realloc $realloc)))
  (core func $get-directories (canon lower (func $preopens "get-directories")
    (memory $memory) (realloc $realloc)))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "environment" (func $environment (param i32)))
    (import "host" "directories" (func $directories (param i32)))
    (data (i32.const 1024) "? variables, ? directories")
    (func (export "run") (param i32) (result i32)
      (call $environment (i32.const 16))
      (call $directories (i32.const 24))
      ;; One digit each: the lengths of the two lists.
      (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (i32.load (i32.const 20))))
      (i32.store8 (i32.const 1037) (i32.add (i32.const 48) (i32.load (i32.const 28))))
      ;; ok(report { completed, the text, false })
      (i32.store (i32.const 80) (i32.const 1024))
      (i32.store (i32.const 84) (i32.const 26))
      (i32.const 64)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "environment" (func $get-environment))
      (export "directories" (func $get-directories))))))
  (func (export "run") (param "task" $task) (result (result $report (error string)))
    (canon lift (core func $main "run") (memory $memory) (realloc $realloc))))
