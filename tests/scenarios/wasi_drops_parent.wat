;; An agent that drops a stream while something waits for it.
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

  (import "wasi:io/poll@0.2.6" (instance $poll
    (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.6" (instance $streams
    (export "input-stream" (type $own-stream (sub resource)))
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $own-pollable (eq $outer-pollable)))
    (export "[method]input-stream.subscribe"
      (func (param "self" (borrow $own-stream)) (result (own $own-pollable))))))
  (alias export $streams "input-stream" (type $stream))
  (import "wasi:cli/stdin@0.2.6" (instance $stdin
    (alias outer 1 $stream (type $outer-stream))
    (export "input-stream" (type $its-stream (eq $outer-stream)))
    (export "get-stdin" (func (result (own $its-stream))))))

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
  (core func $get-stdin (canon lower (func $stdin "get-stdin")))
  (core func $subscribe (canon lower (func $streams "[method]input-stream.subscribe")))
  (core func $drop (canon resource.drop $stream))

  (core module $main
    (import "host" "get-stdin" (func $get-stdin (result i32)))
    (import "host" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "run") (param i32) (result i32)
      (local $stream i32)
      (local.set $stream (call $get-stdin))
      (drop (call $subscribe (local.get $stream)))
      (call $drop (local.get $stream))
      (unreachable)))
  (core instance $main (instantiate $main
    (with "host" (instance
      (export "get-stdin" (func $get-stdin))
      (export "subscribe" (func $subscribe))
      (export "drop" (func $drop))))))
  (func (export "run") (param "task" $task) (result (result $report (error string)))
    (canon lift (core func $main "run") (memory $memory) (realloc $realloc))))
