//! Answers of GitHub, played to the tests in the order in which they were
//! asked for.

use std::cell::RefCell;

use serde::{Serialize, de::DeserializeOwned};

use hermitage_guest::ToolError;

use crate::request::{Api, Request, Response};

pub(crate) struct Recorded(RefCell<Vec<(String, Response)>>);

impl Recorded {
    /// Each is a request (`GET /path`, with its body behind it), a status
    /// (`200 next` when there is another page) and a body.
    pub(crate) fn new(answers: &[(&str, &str, &str)]) -> Self {
        let answer = |(request, status, body): &(&str, &str, &str)| {
            let (status, next) = status.split_once(' ').unwrap_or((status, ""));
            let link = "<https://api.github.com/x?page=3>; rel=\"next\", <https://api.github.com/x>; rel=\"last\"";
            let headers = match next {
                "next" => vec![("Link".to_owned(), link.to_owned())],
                _ => Vec::new(),
            };
            let status = status.parse().unwrap();
            let body = body.as_bytes().to_vec();
            ((*request).to_owned(), Response { status, headers, body, truncated: false })
        };
        Self(RefCell::new(answers.iter().rev().map(answer).collect()))
    }
}

impl Api for Recorded {
    fn send(&self, request: Request) -> Result<Response, ToolError> {
        let body = request.body.map(|it| format!(" {it}")).unwrap_or_default();
        let sent = format!("{} {}{body}", request.method, request.path);
        let (expected, response) = self.0.borrow_mut().pop().expect(&sent);
        assert_eq!(sent, expected);
        Ok(response)
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.borrow().is_empty(), "not asked for: {:?}", self.0.borrow());
        }
    }
}

pub(crate) fn arguments<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn json(result: Result<impl Serialize, ToolError>) -> String {
    match result {
        Ok(answer) => serde_json::to_string(&answer).unwrap(),
        Err(ToolError::InvalidArguments(why)) => format!("argument: {why}"),
        Err(ToolError::Failed(why)) => why,
        Err(other) => panic!("{other}"),
    }
}
