use hermitage_guest::{Task, agent};

#[agent(name = "run")]
async unsafe extern "C" fn run<T>(_: Task, _: T, _: u32) {}

fn main() {}
