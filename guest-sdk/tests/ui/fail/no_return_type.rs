use hermitage_guest::{Task, agent};

#[agent]
fn run(_: Task) {}

fn main() {}
