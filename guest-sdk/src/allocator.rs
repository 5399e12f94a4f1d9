//! The global allocator: dlmalloc, with a static arena as its first region.
//!
//! A `memory.grow` costs the host a system call and fresh pages on each run,
//! and most agents need less than the arena. Memory that is freed is used
//! again.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use dlmalloc::Dlmalloc;

/// Zeroed memory takes no room in the component, and untouched pages cost the
/// host nothing.
const ARENA_BYTES: usize = 256 * 1024;
const PAGE_BYTES: usize = 64 * 1024;

#[global_allocator]
static ALLOCATOR: GuestAllocator =
    GuestAllocator(UnsafeCell::new(Dlmalloc::new_with_allocator(Regions)));

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));
static ARENA_TAKEN: AtomicBool = AtomicBool::new(false);

struct GuestAllocator(UnsafeCell<Dlmalloc<Regions>>);

#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

/// Where dlmalloc gets its memory: the arena once, then the end of the linear
/// memory. Nothing is ever given back.
struct Regions;

#[expect(unsafe_code, reason = "this target has no threads")]
unsafe impl Sync for GuestAllocator {}

#[expect(unsafe_code, reason = "only `Regions` takes its address, and only once")]
unsafe impl Sync for Arena {}

#[expect(unsafe_code, reason = "an allocator; without threads no call can be inside another")]
unsafe impl GlobalAlloc for GuestAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(ptr, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(ptr, layout.size(), layout.align(), new_size) }
    }
}

#[expect(unsafe_code, reason = "the regions are disjoint, aligned and never given back")]
unsafe impl dlmalloc::Allocator for Regions {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= ARENA_BYTES && !ARENA_TAKEN.swap(true, Ordering::Relaxed) {
            return (ARENA.0.get().cast(), ARENA_BYTES, 0);
        }
        grow(size)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}

fn grow(size: usize) -> (*mut u8, usize, u32) {
    let pages = size.div_ceil(PAGE_BYTES);
    let before = wasm32::memory_grow::<0>(pages);
    if before == usize::MAX {
        return (ptr::null_mut(), 0, 0);
    }
    let base = before * PAGE_BYTES;
    let mut bytes = pages * PAGE_BYTES;
    if base.wrapping_add(bytes) == 0 {
        // A region must not end at the very end of the address space: the
        // pointer behind it would be null.
        bytes -= 16;
    }
    (ptr::with_exposed_provenance_mut(base), bytes, 0)
}
