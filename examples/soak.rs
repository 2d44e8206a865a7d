fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let mut s = tema3::sim::soak::Soak::new(a[0], a[1]);
    if let Some(&t) = a.get(2) {
        s.threads = std::num::NonZero::new(t as usize).unwrap();
    }
    s.failures = a.get(3).copied().unwrap_or(1000) as usize;
    let t = std::time::Instant::now();
    let r = s.run();
    let mut by = std::collections::BTreeMap::new();
    for (c, v) in &r.failures {
        let k = format!("{:?} {}", v.invariant, v.what.chars().filter(|c| !c.is_ascii_digit()).collect::<String>());
        by.entry(k).or_insert_with(Vec::new).push((c, v));
    }
    let mut by: Vec<_> = by.into_iter().collect();
    by.sort_by_key(|x| x.1.len());
    for (k, l) in by.iter().rev().take(25) {
        println!("{} x {k}\n     {}: {}", l.len(), l[0].0, l[0].1);
    }
    println!("{r}  {} events {:?} {}/s", r.events, t.elapsed(), r.swarms as f64 / t.elapsed().as_secs_f64());
}
