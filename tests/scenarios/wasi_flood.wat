;; An agent that calls WASI without end.
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

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "environment" (func $environment (param i32)))
    (func (export "run") (param i32) (result i32)
      (loop $again
        (call $environment (i32.const 16))
        (br $again))
      (unreachable)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "environment" (func $get-environment))))))
  (func (export "run") (param "task" $task) (result (result $report (error string)))
    (canon lift (core func $main "run") (memory $memory) (realloc $realloc))))
