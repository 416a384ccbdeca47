// The default theme without its fonts: the reader's own are used, and nothing is loaded from elsewhere.
import Theme from 'vitepress/theme-without-fonts';
import './style.css';

export default Theme;
