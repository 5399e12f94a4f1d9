use hermitage_guest::{tool, tools};

/// Says.
#[tool]
fn say() -> Result<(), String> {
    Ok(())
}

mod other {
    /// Says, too.
    #[hermitage_guest::tool]
    pub fn say() -> Result<(), String> {
        Ok(())
    }
}

fn plain() {}

tools![say, other::say];

const _: () = {
    tools![plain];
};

fn main() {}
