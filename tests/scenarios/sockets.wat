;; A plugin that tries what interpreters try: takes the network, looks a name
;; up in it twice, makes a socket, and gives the network back. Its tool answers
;; with the codes of the errors as digits: of the two lookups and of the socket.
(component
  (import "wasi:sockets/network@0.2.6" (instance $network
    (export "network" (type (sub resource)))
    (type $code (enum
      "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
      "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused"
      "connection-reset" "connection-aborted" "datagram-too-large" "name-unresolvable"
      "temporary-resolver-failure" "permanent-resolver-failure"))
    (export "error-code" (type (eq $code)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))))
  (alias export $network "network" (type $net))
  (alias export $network "error-code" (type $code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/instance-network@0.2.6" (instance $own
    (export "network" (type $n (eq $net)))
    (export "instance-network" (func (result (own $n))))))
  (import "wasi:sockets/ip-name-lookup@0.2.6" (instance $lookup
    (export "network" (type $n (eq $net)))
    (export "error-code" (type $c (eq $code)))
    (export "resolve-address-stream" (type $s (sub resource)))
    (export "resolve-addresses" (func
      (param "network" (borrow $n)) (param "name" string)
      (result (result (own $s) (error $c)))))))
  (import "wasi:sockets/tcp@0.2.6" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.6" (instance $create
    (export "tcp-socket" (type $s (eq $socket)))
    (export "error-code" (type $c (eq $code)))
    (export "ip-address-family" (type $f (eq $family)))
    (export "create-tcp-socket" (func
      (param "address-family" $f) (result (result (own $s) (error $c)))))))

  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 16) "example.org"))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))

  (core func $take (canon lower (func $own "instance-network")))
  (core func $resolve (canon lower (func $lookup "resolve-addresses")
    (memory $mem)))
  (core func $make (canon lower (func $create "create-tcp-socket") (memory $mem)))
  (core func $drop (canon resource.drop $net))

  (core module $main
    (import "host" "memory" (memory 1))
    (import "host" "take" (func $take (result i32)))
    (import "host" "resolve" (func $resolve (param i32 i32 i32 i32)))
    (import "host" "make" (func $make (param i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    ;; The code of the error in the result at 0; 9 when it is none.
    (func $code (result i32)
      (select (i32.load8_u (i32.const 4)) (i32.const 9) (i32.load8_u (i32.const 0))))
    (func $look (param $network i32) (result i32)
      (call $resolve (local.get $network) (i32.const 16) (i32.const 11) (i32.const 0))
      (call $code))
    (func (export "run") (result i32)
      (local $network i32) (local $codes i32)
      (local.set $network (call $take))
      (local.set $codes (i32.mul (call $look (local.get $network)) (i32.const 100)))
      (local.set $codes (i32.add (local.get $codes)
        (i32.mul (call $look (local.get $network)) (i32.const 10))))
      (call $make (i32.const 0) (i32.const 0))
      (local.set $codes (i32.add (local.get $codes) (call $code)))
      (call $drop (local.get $network))
      (local.get $codes)))
  (core instance $main (instantiate $main (with "host" (instance
    (export "memory" (memory $mem))
    (export "take" (func $take))
    (export "resolve" (func $resolve))
    (export "make" (func $make))
    (export "drop" (func $drop))))))
  (func (export "run") (result u32) (canon lift (core func $main "run")))
)
