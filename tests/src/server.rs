//! A server on this machine that counts.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

type Answers = Box<dyn Fn(&str) -> String + Send>;

/// A server on this machine that remembers who asked for what.
pub struct Server {
    pub address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    requests: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn empty() -> Self {
        Self::new(|_| String::new())
    }

    pub fn new(answers: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Arc<Mutex<Answers>> = Arc::new(Mutex::new(Box::new(answers)));
        let (requests, ends) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (serve, keep, end) = (Arc::clone(&answers), Arc::clone(&requests), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream.unwrap(), &serve, &keep);
            }
        });
        Self { address, answers, requests, ends, thread: Some(thread) }
    }

    pub fn serve(&self, answers: impl Fn(&str) -> String + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(answers);
    }

    /// First lines of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn wait_for_one(&self) {
        while self.requests().is_empty() {
            thread::yield_now();
        }
    }
}

/// One request of one connection. A connection alone counts, too.
fn answer(stream: TcpStream, answers: &Mutex<Answers>, requests: &Mutex<Vec<String>>) {
    let at = requests.lock().unwrap().len();
    requests.lock().unwrap().push("a connection".to_owned());
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    // The client waits for its answer before it sends anything else.
    for line in lines {
        if line.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let response = answers.lock().unwrap()(path);
    requests.lock().unwrap()[at].clone_from(&first);
    let _ = (&stream).write_all(response.as_bytes());
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
