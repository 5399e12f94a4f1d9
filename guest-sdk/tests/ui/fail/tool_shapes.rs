use hermitage_guest::tool;

#[tool]
struct Search;

#[tool]
fn undescribed(_: ()) -> Result<(), String> {
    Ok(())
}

/// Finds.
#[tool(name = "x")]
async fn findIt<T>(_: T, _: u32) {}

fn main() {}
