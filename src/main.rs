//! The `topup` binary: parses the command line, starts a runtime, hands over.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use topup::cli::{Cli, run};

/// A batch makes and drops tens of thousands of small values; this allocator does it in a third
/// of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::read();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run(cli));
            // What hangs, because something is away, must not keep the process.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
