;; A plugin of plain functions, one for each way in which a call can end.
(component
  (core module $module
    (global $calls (mut i32) (i32.const 0))
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1)))
    (func (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls))
    (func (export "spin") (loop $again (br $again)))
    (func (export "trap") unreachable)
    (func $deeper (export "recurse") (call $deeper)))
  (core instance $it (instantiate $module))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $it "add")))
  (func (export "count") (result u32) (canon lift (core func $it "count")))
  (func (export "spin") (canon lift (core func $it "spin")))
  (func (export "trap") (canon lift (core func $it "trap")))
  (func (export "recurse") (canon lift (core func $it "recurse"))))
