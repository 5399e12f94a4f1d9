// The expansion names everything by its full path.
#![allow(dead_code)]

struct Result;
struct String;
struct Report;
struct Task;
mod core {}
mod std {}

#[hermitage_guest::agent]
fn run(
    _: hermitage_guest::Task,
) -> ::core::result::Result<hermitage_guest::Report, hermitage_guest::Error> {
    Ok(hermitage_guest::Report::completed("done"))
}

fn main() {}
