use hermitage_guest::{tool, tools};

struct NotJson;
struct NotAnError;

/// Takes what is no arguments.
#[tool]
fn takes(_: NotJson) -> Result<(), String> {
    Ok(())
}

/// Gives what is no result.
#[tool]
fn gives() -> Result<NotJson, String> {
    Ok(NotJson)
}

/// Fails with what is no error.
#[tool]
fn fails() -> Result<(), NotAnError> {
    Err(NotAnError)
}

/// Is no result at all.
#[tool]
fn bare() -> u32 {
    1
}

tools![takes, gives, fails, bare];

fn main() {}
