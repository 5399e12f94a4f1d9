//! The numbers of a sandbox. Every one bounds an attack; none may be zero.

use std::{path::PathBuf, time::Duration};

use crate::{
    defence::Defences,
    setting::{count, kib, mib, seconds, settings},
};

settings! {
    /// The walls around one child, and the room for all of them. A component is
    /// taken to be hostile: each number is something that it would spend.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SandboxConfig in "sandbox" {
        /// Children that exist at once, at every depth together; more wait for
        /// a place.
        ///
        /// Sizes the pool of memories, which reserves address space (not
        /// memory) for all of them; at least `delegation.max_depth`. How many fit
        /// depends on the kernel too (`vm.max_map_count`).
        // One that waits takes some 35 KiB of memory (measured).
        pub max_live_cells: u32 = count(64, 1..=20_000), project: Lower;

        /// Calls of plugins' tools that run at once, each in a cell of its own;
        /// more wait for a place.
        ///
        /// Apart from those of children, which wait for them.
        // They reserve address space as those do.
        pub plugin_cells: u32 = count(16, 1..=1_000), project: Lower;

        /// How long a call of a plugin's tool may take in all.
        ///
        /// Bounds a plugin that never answers; its processor time is bounded
        /// like a child's.
        pub call_timeout as "call_seconds": Duration = seconds(120, 1..=86_400), project: Lower;

        /// Threads that run components, apart from those that do the host's
        /// work; and as many again for components that compute for long.
        ///
        /// More of them slow short children down.
        pub guest_threads: usize = count(2, 1..=256), project: Lower;

        /// Linear memory of one child, all of its memories together.
        ///
        /// Bounds what one child takes of the machine.
        // A 32-bit memory ends at 4 GiB.
        pub memory_bytes as "memory_mib": usize = mib(64, 1..=4_096), project: Lower;

        /// Processor time of one child; waiting is free.
        ///
        /// Bounds a child that computes without end.
        pub cpu as "cpu_seconds": Duration = seconds(60, 1..=86_400), project: Lower;

        /// What a single host call, or the report, copies out of a child.
        ///
        /// Bounds the host memory that one call makes it take.
        // Below the floor no ordinary call gets through.
        pub host_call_bytes as "host_call_kib": usize = kib(4096, 64..=1_048_576), project: Lower;

        /// Texts in the arguments of one tool call.
        ///
        /// at most `host_call_kib`. Bounds what tools have to chew.
        pub argument_bytes as "argument_kib": usize = kib(1024, 1..=65_536), project: Lower;

        /// The report of a child.
        ///
        /// at most `host_call_kib`. Bounds what is kept of each child.
        pub result_bytes as "result_kib": usize = kib(1024, 1..=65_536), project: Lower;

        /// Calls of a child into the host.
        ///
        /// Bounds the host's work for a child that only calls.
        pub host_calls: u64 = count(100_000, 1..=1_000_000_000), project: Lower;

        /// Handles to things of the host that a child holds at once.
        ///
        /// Bounds the tables that the host keeps for it.
        pub handles: usize = count(4096, 1..=1_000_000), project: Lower;

        /// What is kept of a child's log; the rest is counted.
        ///
        /// Bounds a child that floods the log.
        pub log_bytes as "log_kib": usize = kib(256, 1..=65_536), project: Lower;

        /// Elements of one table of a child.
        ///
        /// Tables are host memory; interpreters need many.
        pub table_elements: usize = count(20_000, 1..=1_000_000), project: Lower;

        /// Size of a component's file.
        ///
        /// What compiling it may cost grows with it.
        pub component_bytes as "component_mib": usize = mib(32, 1..=256), project: Lower;

        /// Processor time of compiling a component of up to 1 MiB, in a process
        /// of its own; larger ones have as much for each MiB.
        ///
        /// Bounds a component that was made to be dear to compile.
        pub compile_seconds: u32 = seconds(3, 1..=3_600), project: Lower;

        /// Memory of the same; larger ones have a sixteenth more for each
        /// further MiB.
        ///
        /// Bounds the same.
        // Below the floor the compiler itself does not start.
        pub compile_bytes as "compile_mib": u64 = mib(384, 64..=65_536), project: Lower;

        /// Compiled components on disk; what was used the longest time ago
        /// goes first.
        ///
        /// Bounds the cache directory: machine code is two to four times as large
        /// as a component. The newest one stays even if it is larger.
        // A Python interpreter takes 34 MiB (measured).
        pub cache_bytes as "cache_mib": u64 = mib(1024, 16..=1_048_576), project: Never;
    } besides {
        /// The program that compiles, when it is not this process's own or
        /// `hermitage` beside it (see [`crate::helper`]).
        pub helper: Option<PathBuf> = None;

        /// Where compiled components are kept; nowhere when absent.
        pub cache_dir: Option<PathBuf> = None;

        /// All of them, but in tests.
        pub defences: Defences = Defences::ALL;
    }
}
