// The chart of usage: stacked bars, and the amounts below the cursor in the legend.
"use strict";

{
  const HEIGHT = 260; // pixels
  const NARROW = 2, MARK = 4; // pixels of a gap, at least, and of the mark above it
  const TICKS = [1, 3, 6, 12, 24, 48, 96, 168, 336, 672, 1344, 2688]; // hours between them
  const figure = document.getElementById("chart");

  const color = (name) => getComputedStyle(figure).getPropertyValue(name);
  const muted = () => color("--pico-muted-color");
  const grid = () => ({ stroke: () => color("--gap"), width: 1 });
  const utc = (format) => new Intl.DateTimeFormat(undefined, { ...format, timeZone: "UTC" });
  const numbers = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
  const day = utc({ month: "short", day: "numeric" });
  const time = utc({ hour: "numeric", minute: "2-digit" });

  function show({ begin, step, count, series, gaps }) {
    const end = begin + count * step;
    const middles = Array.from({ length: count }, (_, n) => begin + (n + 0.5) * step);
    const amounts = series.map((pairs) => {
      const all = new Array(count).fill(0);
      for (const [n, amount] of pairs) all[n] = amount;
      return all;
    });
    // The first series is the lowest: each is drawn over the sum of itself and those below.
    const sums = [];
    for (const each of amounts) {
      const below = sums.at(-1);
      sums.push(below ? each.map((amount, n) => amount + below[n]) : each);
    }
    const hasOthers = figure.querySelector(".legend .series-others");
    const colors = amounts.map((_, n) =>
      hasOthers && n === amounts.length - 1 ? "--series-others" : `--series-${n + 1}`);

    const values = figure.querySelectorAll(".value");
    const told = figure.querySelector(".time");
    const whole = utc(step < 86400 ? { dateStyle: "medium", timeStyle: "short" }
                                   : { dateStyle: "medium" });
    function tell(plot) {
      const left = plot.cursor.left;
      const n = left < 0 ? -1 : Math.floor((plot.posToVal(left, "x") - begin) / step);
      const isBar = n >= 0 && n < count;
      told.textContent = isBar ? whole.format((begin + n * step) * 1000) : "";
      values.forEach((value, k) => {
        value.textContent = isBar ? numbers.format(amounts[k][n]) : "";
      });
    }

    // Behind the bars, with a mark above the highest bar.
    function drawGaps(plot) {
      const { ctx, bbox } = plot;
      ctx.save();
      for (const [from, to] of gaps) {
        // Whole pixels: where two gaps touch, no line is left.
        const left = Math.floor(plot.valToPos(from, "x", true));
        const right = Math.ceil(plot.valToPos(to, "x", true));
        const width = Math.max(right - left, NARROW * devicePixelRatio);
        ctx.fillStyle = color("--gap");
        ctx.fillRect(left, bbox.top, width, bbox.height);
        ctx.fillStyle = color("--waiting");
        ctx.fillRect(left, bbox.top, width, MARK * devicePixelRatio);
      }
      ctx.restore();
    }

    const plot = new uPlot({
      width: figure.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: true, range: () => [begin, end] },
        y: { range: (_, least, most) => [0, most * 1.08] },
      },
      axes: [
        {
          stroke: muted, grid: grid(), ticks: grid(), space: 70, size: 34,
          incrs: TICKS.map((hours) => hours * 3600).filter((each) => each >= step),
          splits: (_plot, _axis, _min, _max, increment) => {
            const found = [];
            for (let at = begin; at <= end; at += increment) found.push(at);
            return found;
          },
          values: (_, splits) => splits.map((at) =>
            (at % 86400 ? time : day).format(at * 1000)),
        },
        { stroke: muted, grid: grid(), ticks: grid(), size: 60 },
      ],
      series: [
        {},
        ...sums.map((_, n) => ({
          paths: uPlot.paths.bars({ size: [0.85] }),
          fill: () => color(colors[colors.length - 1 - n]),
          width: 0,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [tell], drawClear: [drawGaps] },
    }, [middles, ...sums.reverse()], figure.querySelector(".plot"));

    new ResizeObserver(() => {
      plot.setSize({ width: figure.clientWidth, height: HEIGHT });
    }).observe(figure);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  }

  if (figure) {
    figure.hidden = false;
    show(JSON.parse(figure.dataset.chart));
  }
}
