use hermitage_guest::agent;

#[agent]
fn run(goal: String) -> String {
    goal
}

fn main() {}
