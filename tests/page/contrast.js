// The least contrast of any text with what is behind it (WCAG 2). Runs in the
// page.
export function palest() {
  const options = { willReadFrequently: true };
  const canvas = document.createElement("canvas").getContext("2d", options);
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [r, g, b] = rgba(color).map((it) => linear(it / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (it) => {
    const color = getComputedStyle(it).backgroundColor;
    return rgba(color)[3] === 255 || !it.parentElement ? color : behind(it.parentElement);
  };
  const contrast = (it) => {
    const both = [getComputedStyle(it).color, behind(it)].map(light);
    const [dark, bright] = both.sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const hasText = (it) => [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = [...document.querySelectorAll("body *")].filter((it) => it.checkVisibility());
  return Math.min(...texts.filter(hasText).map(contrast));
}
