/**
 * JavaScript for the browser: the visible texts of a page whose contrast with what is behind them is below the
 * 4.5 of WCAG AA.
 */
export const weakTexts = `
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [red, green, blue] = color.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const groundOf = (element) => {
    if (element === null) {
      return [255, 255, 255, 255];
    }
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 255 ? color : groundOf(element.parentElement);
  };
  return [...document.querySelectorAll('body, body *')].flatMap((element) => {
    const text = [...element.childNodes]
      .filter((node) => node.nodeType === Node.TEXT_NODE)
      .map((node) => node.textContent.trim())
      .join('');
    if (text === '' || !element.checkVisibility()) {
      return [];
    }
    const [dark, light] = [
      luminance(rgba(getComputedStyle(element).color)),
      luminance(groundOf(element)),
    ].sort((one, other) => one - other);
    const contrast = (light + 0.05) / (dark + 0.05);
    return contrast < 4.5 ? [element.tagName + ': ' + text + ' ' + contrast.toFixed(2)] : [];
  });
})()
`;
