fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("rt");
    tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_writer(std::io::stderr)
        .init();
    runtime.block_on(async {
        if let Err(error) = topup::demo::run(topup::demo::DemoArgs::default()).await {
            println!("{}", topup::telemetry::chain(&error));
        }
    });
}
