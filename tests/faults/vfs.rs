//! SQLite's way to its files, with somebody in between: a VFS around the one
//! that it uses on Unix.
//!
//! This is the only file of the workspace that speaks SQLite's C interface. It
//! is unsafe because that interface is one of pointers: SQLite hands in a
//! piece of memory for each file, and gets a table of functions. Here the
//! piece begins with a [`Header`], and the file of the VFS below lies behind
//! it. Nothing is kept of any pointer but that of the VFS below, which SQLite
//! never frees. It exists in this test's process alone, where it is what
//! SQLite opens files with unless another VFS is named.

#![allow(unsafe_code, reason = "the C interface of SQLite")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::{Path, PathBuf},
    ptr, slice,
    sync::{Arc, Mutex, OnceLock},
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

/// What SQLite wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What<'a> {
    Open,
    Read,
    Write {
        at: u64,
        bytes: &'a [u8],
    },
    Truncate {
        to: u64,
    },
    Sync,
    Size,
    Lock,
    ShmMap,
    ShmLock,
    Delete,
    Access,
    /// Told, and never refused: no file is left open by a failure.
    Close,
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// Nothing is done, and this code is answered.
    Fail(c_int),
    /// Of a write, half of the bytes are written.
    Half(c_int),
}

/// Stands between SQLite and the files of a directory.
pub(crate) trait Disk: Send + Sync {
    fn before(&self, file: &Path, what: What<'_>) -> Verdict;

    /// It went well.
    fn after(&self, file: &Path, what: What<'_>) {
        let _ = (file, what);
    }
}

/// The disks that there are, each with its directory.
static DISKS: Mutex<Vec<(PathBuf, Arc<dyn Disk>)>> = Mutex::new(Vec::new());

/// A disk in its place, until this is dropped. Files that are open then stay
/// with it.
pub(crate) struct Mounted(PathBuf);

/// Puts a disk between SQLite and what it opens in a directory from now on.
pub(crate) fn mount(dir: &Path, disk: Arc<dyn Disk>) -> Mounted {
    register();
    let dir = dir.canonicalize().unwrap();
    DISKS.lock().unwrap().push((dir.clone(), disk));
    Mounted(dir)
}

impl Drop for Mounted {
    fn drop(&mut self) {
        DISKS.lock().unwrap().retain(|(dir, _)| *dir != self.0);
    }
}

fn disk_of(file: &Path) -> Option<Arc<dyn Disk>> {
    let disks = DISKS.lock().unwrap();
    disks.iter().find(|(dir, _)| file.starts_with(dir)).map(|(_, disk)| Arc::clone(disk))
}

/// The VFS below. SQLite keeps it for the life of the process, and its
/// functions may be called from any thread.
struct Below(*mut sqlite3_vfs);

// SAFETY: it is written to by nobody after it was registered.
unsafe impl Send for Below {}
// SAFETY: the same.
unsafe impl Sync for Below {}

static BELOW: OnceLock<Below> = OnceLock::new();

/// Makes this the VFS that is used when none is named.
fn register() {
    BELOW.get_or_init(|| {
        // SAFETY: the default one is there in every SQLite for Unix; the copy
        // is never freed, and neither is its name.
        unsafe {
            let below = ffi::sqlite3_vfs_find(ptr::null());
            let mut above = *below;
            above.zName = c"hermitage-faults".as_ptr();
            above.szOsFile += size_of::<Header>() as c_int;
            above.pNext = ptr::null_mut();
            above.xOpen = Some(open);
            above.xDelete = Some(delete);
            above.xAccess = Some(access);
            let above = Box::leak(Box::new(above));
            assert_eq!(ffi::sqlite3_vfs_register(above, 1), ffi::SQLITE_OK);
            Below(below)
        }
    });
}

fn below() -> *mut sqlite3_vfs {
    BELOW.get().expect("it is registered before it is used").0
}

/// Begins the memory of each file. Of pointers alone, so that what lies behind
/// it is aligned like them, which is all that SQLite promises.
#[repr(C)]
struct Header {
    base: sqlite3_file,
    /// Owned; freed when the file is closed.
    file: *mut File,
}

struct File {
    path: PathBuf,
    disk: Option<Arc<dyn Disk>>,
}

impl File {
    fn new(path: PathBuf) -> Self {
        let disk = disk_of(&path);
        Self { path, disk }
    }

    fn before(&self, what: What<'_>) -> Verdict {
        self.disk.as_ref().map_or(Verdict::Go, |it| it.before(&self.path, what))
    }

    /// Goes on when the disk lets it.
    fn through(&self, what: What<'_>, go: impl FnOnce() -> c_int) -> c_int {
        match self.before(what) {
            Verdict::Go => (),
            Verdict::Fail(code) | Verdict::Half(code) => return code,
        }
        let res = go();
        if let (ffi::SQLITE_OK, Some(disk)) = (res, &self.disk) {
            disk.after(&self.path, what);
        }
        res
    }
}

/// # Safety
///
/// `name` is null or a C string.
unsafe fn path_of(name: *const c_char) -> PathBuf {
    if name.is_null() {
        return PathBuf::new();
    }
    // SAFETY: SQLite's names are C strings.
    let name = unsafe { CStr::from_ptr(name) };
    PathBuf::from(name.to_str().expect("the tests name their files in ASCII"))
}

/// The file of this VFS and the one below it, with its functions.
///
/// # Safety
///
/// `it` was opened by [`open`], and is not closed.
unsafe fn parts<'a>(
    it: *mut sqlite3_file,
) -> (&'a File, *mut sqlite3_file, &'a sqlite3_io_methods) {
    // SAFETY: `open` wrote the header, and has opened the file behind it.
    unsafe {
        let header = it.cast::<Header>();
        let real = header.add(1).cast::<sqlite3_file>();
        (&*(*header).file, real, &*(*real).pMethods)
    }
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    it: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands in as much memory as `szOsFile` says.
    unsafe {
        let header = it.cast::<Header>();
        (*header).base.pMethods = ptr::null();
        let real = header.add(1).cast::<sqlite3_file>();
        let file = File::new(path_of(name));
        let res = file
            .through(What::Open, || ((*below()).xOpen.unwrap())(below(), name, real, flags, out));
        if res == ffi::SQLITE_OK {
            (*header).file = Box::into_raw(Box::new(file));
            (*header).base.pMethods = &raw const METHODS;
        }
        res
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let go = || ((*below()).xDelete.unwrap())(below(), name, sync);
        File::new(path_of(name)).through(What::Delete, go)
    }
}

unsafe extern "C" fn access(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let go = || ((*below()).xAccess.unwrap())(below(), name, flags, out);
        File::new(path_of(name)).through(What::Access, go)
    }
}

unsafe extern "C" fn close(it: *mut sqlite3_file) -> c_int {
    // SAFETY: nothing is called on a file after this.
    unsafe {
        let (file, real, below) = parts(it);
        let res = (below.xClose.unwrap())(real);
        file.through(What::Close, || res);
        drop(Box::from_raw((*it.cast::<Header>()).file));
        (*it).pMethods = ptr::null();
        res
    }
}

unsafe extern "C" fn write(
    it: *mut sqlite3_file,
    bytes: *const c_void,
    len: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: `bytes` has `len` bytes.
    unsafe {
        let (file, real, below) = parts(it);
        let write = below.xWrite.unwrap();
        let text = slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(len).unwrap());
        let what = What::Write { at: u64::try_from(at).unwrap(), bytes: text };
        match file.before(what) {
            Verdict::Fail(code) => code,
            Verdict::Half(code) => {
                write(real, bytes, len / 2, at);
                code
            }
            Verdict::Go => {
                let res = write(real, bytes, len, at);
                if let (ffi::SQLITE_OK, Some(disk)) = (res, &file.disk) {
                    disk.after(&file.path, what);
                }
                res
            }
        }
    }
}

/// A function of the table: what it is to a disk, if that is asked, and the
/// one below.
macro_rules! forward {
    ($name:ident, $field:ident, ($($arg:ident: $type:ty),*), $what:expr) => {
        unsafe extern "C" fn $name(it: *mut sqlite3_file, $($arg: $type),*) -> c_int {
            // SAFETY: the arguments are SQLite's own.
            unsafe {
                let (file, real, below) = parts(it);
                let go = || (below.$field.unwrap())(real, $($arg),*);
                let what: Option<What<'_>> = $what;
                match what {
                    Some(what) => file.through(what, go),
                    None => go(),
                }
            }
        }
    };
}

forward!(read, xRead, (to: *mut c_void, len: c_int, at: sqlite3_int64), Some(What::Read));
forward!(truncate, xTruncate, (to: sqlite3_int64),
    Some(What::Truncate { to: u64::try_from(to).unwrap() }));
forward!(sync, xSync, (flags: c_int), Some(What::Sync));
forward!(size, xFileSize, (out: *mut sqlite3_int64), Some(What::Size));
forward!(lock, xLock, (level: c_int), Some(What::Lock));
// A lock that can't be given back is nothing that a kernel does.
forward!(unlock, xUnlock, (level: c_int), None);
forward!(reserved, xCheckReservedLock, (out: *mut c_int), None);
forward!(control, xFileControl, (op: c_int, arg: *mut c_void), None);
forward!(sector, xSectorSize, (), None);
forward!(traits, xDeviceCharacteristics, (), None);
forward!(shm_map, xShmMap, (page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void),
    Some(What::ShmMap));
forward!(shm_lock, xShmLock, (offset: c_int, n: c_int, flags: c_int),
    (flags & ffi::SQLITE_SHM_LOCK != 0).then_some(What::ShmLock));
forward!(shm_unmap, xShmUnmap, (delete: c_int), None);

unsafe extern "C" fn shm_barrier(it: *mut sqlite3_file) {
    // SAFETY: the argument is SQLite's own.
    unsafe {
        let (_, real, below) = parts(it);
        (below.xShmBarrier.unwrap())(real);
    }
}

/// Version 2: with a log, and without files in memory.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(traits),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
