use hermitage_guest::agent;

#[agent]
struct Agent;

fn main() {}
