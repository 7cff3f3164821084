// SPDX-License-Identifier: BSD-2-Clause
// tests/languages/sessions.rs - Rust: the same in unsafe code, which is where Rust has such bugs.
use std::collections::HashMap;

mod app {
    use super::HashMap;

    pub trait Length {
        fn length(&self) -> usize;
    }

    pub struct Session {
        pub name: String,
        pub scores: Vec<i32>,
        used: usize,
    }

    impl Session {
        pub fn new(name: &str) -> Self {
            Session { name: name.to_string(), scores: vec![1; 8], used: 3 } // ALLOC overflow
        }

        pub fn fill(&mut self, value: i32) {
            let p = self.scores.as_mut_ptr();
            for i in 0..=self.scores.len() {
                unsafe { *p.add(i) = value }; // BAD overflow
            }
        }
    }

    impl Length for Session {
        fn length(&self) -> usize {
            self.used // BAD use-after-free
        }
    }

    pub struct Table<K> {
        sessions: HashMap<K, Box<Session>>,
    }

    impl<K: std::hash::Hash + Eq> Table<K> {
        pub fn new() -> Self {
            Table { sessions: HashMap::new() }
        }

        pub fn add(&mut self, key: K, name: &str) -> *mut Session {
            let mut s = Box::new(Session::new(name)); // ALLOC use-after-free
            let raw: *mut Session = &mut *s;
            self.sessions.insert(key, s);
            raw
        }

        pub fn remove(&mut self, key: &K) {
            drop(self.sessions.remove(key)); // FREE use-after-free
        }
    }

    #[inline(never)]
    pub fn forget(name: &str) {
        std::mem::forget(Box::new(Session::new(name))); // ALLOC leak
    }

    #[inline(never)]
    pub fn measure<T: Length>(all: &[*mut T]) -> usize {
        all.iter().map(|s| unsafe { (**s).length() }).sum()
    }
}

fn main() {
    let bug = std::env::args().nth(1).unwrap_or_default();
    let mut table = app::Table::new();
    let all = [table.add(1u32, "ada"), table.add(2u32, "grace")];

    match bug.as_str() {
        "leak" => app::forget("edsger"),
        "overflow" => unsafe { (*all[1]).fill(7) },
        "use-after-free" => table.remove(&2),
        _ => (),
    }
    println!("{}", app::measure(&all));
}
